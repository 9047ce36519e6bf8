import { type Redis, type RedisCommand, type RedisReply, StoreUnavailable } from "./redis.ts";

interface Waiting {
  readonly command: RedisCommand;
  readonly resolve: (reply: RedisReply) => void;
  readonly reject: (error: unknown) => void;
}

/** The second is for scripts that Redis has forgotten. */
const MAX_TRIPS = 2;

/**
 * Puts the commands of one request into one round trip, whoever sends them: all that are added before anybody waits go
 * out together. So a library that sends its own commands, one at a time, costs no trip of its own.
 */
export class CommandBatch {
  readonly #redis: Redis;
  #queue: Waiting[] = [];
  #trips = 0;

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
    this.#trips += 1;
    try {
      if (this.#trips > MAX_TRIPS) throw new StoreUnavailable("a request would have needed a third round trip");
      const replies = await this.#redis.run(sent.map(({ command }) => command));
      if (replies.length !== sent.length) throw new StoreUnavailable("there are more or fewer replies than commands");
      for (const [index, { resolve }] of sent.entries()) resolve(replies[index]!);
    } catch (error) {
      for (const { reject } of sent) reject(error);
    }
  }
}
