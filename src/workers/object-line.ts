import { describeError, type Logger } from "../telemetry/logger.ts";
import { within } from "../telemetry/within.ts";

export interface ObjectLineOptions<O> {
  /** What the object is called in the log. */
  readonly name: string;
  /**
   * Asked for anew for each question: a stub belongs to the request that took it, and one that has thrown is of no more
   * use. May throw.
   */
  readonly object: () => O;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Pick<Logger, "log">;
  /** An answer that takes longer is slow. Default 50. */
  readonly patienceMs?: number;
  /** After that there is no answer, and none comes. Default 1000. */
  readonly giveUpMs?: number;
}

/** So long nobody asks an object that has failed. */
const COOL_DOWN_MS = 2_000;

/** The line to a Durable Object that may be slow, overloaded, evicted, reset by a deployment, or not there at all. */
export class ObjectLine<O> {
  readonly patienceMs: number;
  readonly giveUpMs: number;
  readonly #options: ObjectLineOptions<O>;
  #questions = 0;
  #waitingSinceMs: number | undefined;
  #failedAtMs: number | undefined;

  constructor(options: ObjectLineOptions<O>) {
    const { patienceMs = 50, giveUpMs = 1_000 } = options;
    this.patienceMs = patienceMs;
    this.giveUpMs = giveUpMs;
    this.#options = options;
  }

  /** One question and its answer, or undefined where there is none. Never rejects, never takes long. */
  async ask<Answer>(question: (object: O) => Promise<Answer>): Promise<Answer | undefined> {
    const { now, object } = this.#options;
    const number = ++this.#questions;
    this.#waitingSinceMs = now();
    try {
      const answer = await within(this.giveUpMs, question(object()));
      this.#failedAtMs = undefined;
      return answer;
    } catch (error) {
      this.#fail(error);
      return undefined;
    } finally {
      if (number === this.#questions) this.#waitingSinceMs = undefined;
    }
  }

  /** It has failed just now, and had better be left alone. */
  isCooling(): boolean {
    return this.#failedAtMs !== undefined && this.#options.now() - this.#failedAtMs < COOL_DOWN_MS;
  }

  /**
   * It has failed just now, or lets somebody wait: nobody should wait for an answer. A wait that has ended without a
   * word, as work does whose request is gone, is a failure like any other.
   */
  isLost(): boolean {
    if (this.isCooling()) return true;
    if (this.#waitingSinceMs === undefined) return false;
    const waitedMs = this.#options.now() - this.#waitingSinceMs;
    return waitedMs > this.patienceMs && waitedMs < this.giveUpMs + COOL_DOWN_MS;
  }

  #fail(error: unknown): void {
    const { name, now, logger } = this.#options;
    const isNews = this.#failedAtMs === undefined;
    this.#failedAtMs = now();
    if (isNews) {
      logger.log("warn", "an object does not answer: the isolate decides for itself", {
        object: name,
        error: describeError(error),
      });
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
