import { GatewayError } from "../errors.ts";

/** One command of Redis: its name, then its arguments. */
export type RedisCommand = readonly [name: string, ...args: readonly (string | number)[]];

/** What one command answered. Text stays text: nothing is parsed. A command that Redis refused is an error in its place. */
export type RedisReply = string | number | null | RedisError | readonly RedisReply[];

/** A Redis, however it is reached: over TCP on Node, over Upstash's REST on both runtimes. */
export interface Redis {
  /**
   * Sends commands in one round trip, in order, and answers one reply each. One attempt, under a hard time limit:
   * rejects with StoreUnavailable where the answer cannot be had, in which case the commands may or may not have run.
   */
  run(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]>;
}

/** A command's own error, such as WRONGTYPE. Its text may repeat keys and values, so it is not for logs as it stands. */
export class RedisError extends Error {
  override name = "RedisError";
}

/**
 * The store cannot be asked now, or what it answers makes no sense. As an answer of the gateway it is a 503, wherever
 * nobody has a better idea (a limit falls back to the process, a cache is bypassed): the client has done nothing wrong
 * and may try again, and neither is it a defect of the gateway.
 */
export class StoreUnavailable extends GatewayError {
  override name = "StoreUnavailable";
  /** For the log: never a command, a key, a value or an address with its password. The client is not told. */
  readonly reason: string;

  constructor(reason: string, options: { readonly retryAfterSeconds?: number; readonly cause?: unknown } = {}) {
    const { retryAfterSeconds = 1 } = options;
    const cause = new Error(reason, options.cause === undefined ? undefined : { cause: options.cause });
    super("SERVICE_UNAVAILABLE", "The gateway cannot reach its store now. Try again later.", {
      retryAfterSeconds,
      cause,
    });
    this.reason = reason;
  }
}
