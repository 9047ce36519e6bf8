import type { Redis } from "#src/store/redis.ts";

/** Waits until a Redis answers: its connection is made in the background. */
export async function untilReady(redis: Redis): Promise<void> {
  for (;;) {
    const answered = await redis.run([["PING"]]).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
