import { type RedisReply, StoreUnavailable } from "./redis.ts";
import { demandReply } from "./replies.ts";

/** The time by which instances that share a store cut their windows and end what is in it, in milliseconds since the epoch. */
export interface StoreClock {
  readonly now: () => number;
  /** Whether the store should be asked for its time along with the next question. */
  readonly isDue: () => boolean;
  /** Takes the reply of TIME, and when, by the process's own clock, it was asked and answered. */
  readonly learn: (reply: RedisReply | undefined, askedAtMs: number, answeredAtMs: number) => void;
}

const LEARN_EVERY_MS = 10_000;

/**
 * The store's own time, as far as a process knows it: instances whose clocks differ by a minute would otherwise count
 * one user in two windows at once, and allow twice the quota. It is asked every few seconds with a question that
 * is on its way anyhow. Until the first answer the process's own clock has to do.
 */
export function createStoreClock(now: () => number): StoreClock {
  let aheadMs = 0;
  let learnedAtMs = Number.NEGATIVE_INFINITY;
  return {
    now: () => now() + aheadMs,
    isDue: () => Math.abs(now() - learnedAtMs) >= LEARN_EVERY_MS,
    learn(reply, askedAtMs, answeredAtMs) {
      // The store looked at its clock somewhere on the way: half a round trip is the error.
      aheadMs = Math.round(timeIn(reply) - (askedAtMs + answeredAtMs) / 2);
      learnedAtMs = answeredAtMs;
    },
  };
}

/** TIME answers seconds and the microseconds of the current one, as texts. */
function timeIn(reply: RedisReply | undefined): number {
  const time = demandReply(reply);
  const [seconds, microseconds] = Array.isArray(time) && time.length === 2 ? time.map(toCount) : [];
  if (seconds === undefined || microseconds === undefined) throw new StoreUnavailable("the store's time is none");
  return seconds * 1000 + microseconds / 1000;
}

/** At most ten digits: some day in 2286. What looks further ahead would end every revocation at once. */
function toCount(text: RedisReply): number | undefined {
  return typeof text === "string" && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
