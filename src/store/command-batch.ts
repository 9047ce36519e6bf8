import { type Redis, type RedisCommand, type RedisReply, StoreUnavailable } from "./redis.ts";

interface Waiting {
  readonly command: RedisCommand;
  readonly resolve: (reply: RedisReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Puts the commands of one request into one round trip, whoever sends them: all that are added before anybody waits go
 * out together. So each part of a question sends its own command, reads its own reply and fails by itself.
 */
export class CommandBatch {
  readonly #redis: Redis;
  #queue: Waiting[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Rejects with StoreUnavailable where the answer cannot be had. A command that Redis refused is an error in its place. */
  readonly add = (command: RedisCommand): Promise<RedisReply> =>
    new Promise((resolve, reject) => {
      // A microtask comes after all that now runs without waiting.
      if (this.#queue.length === 0) queueMicrotask(() => void this.#send());
      this.#queue.push({ command, resolve, reject });
    });

  async #send(): Promise<void> {
    const sent = this.#queue;
    this.#queue = [];
    try {
      const replies = await this.#redis.run(sent.map(({ command }) => command));
      if (replies.length !== sent.length) throw new StoreUnavailable("there are more or fewer replies than commands");
      for (const [index, { resolve }] of sent.entries()) resolve(replies[index]!);
    } catch (error) {
      for (const { reject } of sent) reject(error);
    }
  }
}
