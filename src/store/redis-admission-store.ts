import {
  ACQUAINTANCE_MS,
  type AdmissionAnswer,
  type AdmissionQuestion,
  type AdmissionStore,
} from "../admission/admission-store.ts";
import { CommandBatch } from "./command-batch.ts";
import type { HashSubject } from "./hashed-subject.ts";
import { KEY_PREFIX } from "./key-prefix.ts";
import { type Redis, StoreUnavailable } from "./redis.ts";
import { chargeInRedis, SLIDING_WINDOW } from "./redis-limit.ts";
import { demandReply, runOne } from "./replies.ts";
import { readRevocation, revocationCommand } from "./revocations.ts";
import { createScript, type Script } from "./script.ts";
import { createStoreClock, type StoreClock } from "./store-clock.ts";

export interface RedisAdmissionStoreOptions {
  readonly redis: Redis;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly hashSubject: HashSubject;
  /** By which windows are cut: the store's own unless told. */
  readonly clock?: StoreClock;
}

/** Limits and revocations that all instances share, asked in one round trip; in two where Redis forgot the script. */
export class RedisAdmissionStore implements AdmissionStore {
  readonly #redis: Redis;
  readonly #now: () => number;
  readonly #hashSubject: HashSubject;
  readonly #clock: StoreClock;
  readonly #script: Promise<Script> = createScript(SLIDING_WINDOW);

  constructor({ redis, now, hashSubject, clock = createStoreClock(now) }: RedisAdmissionStoreOptions) {
    this.#redis = redis;
    this.#now = now;
    this.#hashSubject = hashSubject;
    this.#clock = clock;
  }

  async ask({ charges, token, acquaintance }: AdmissionQuestion): Promise<AdmissionAnswer> {
    const met = acquaintance === undefined ? undefined : await this.#acquaintanceKey(acquaintance);
    const hashed = await Promise.all(
      charges.map(async ({ limit, subject }) => ({ limit, subject: await this.#hashSubject(subject) })),
    );
    const script = await this.#script;
    const batch = new CommandBatch(this.#redis);
    // From here on nothing waits before all commands are in the batch.
    const standings = chargeInRedis(hashed, script, batch, this.#clock.now());
    const revoked = token === undefined ? false : this.#askRevocation(token, batch);
    const acquainted = met === undefined ? false : this.#askExistence(met, batch);
    const time = charges.length > 0 && this.#clock.isDue() ? this.#askTime(batch) : undefined;
    const parts = await Promise.allSettled([standings, revoked, acquainted, time]);
    const trouble: unknown = parts.find((part) => part.status === "rejected")?.reason;
    return {
      standings: answerOf(parts[0]),
      revoked: answerOf(parts[1]),
      acquainted: answerOf(parts[2]),
      trouble,
    };
  }

  async acquaint(acquaintance: string): Promise<void> {
    const key = await this.#acquaintanceKey(acquaintance);
    await runOne(this.#redis, ["SET", key, 1, "PX", ACQUAINTANCE_MS]);
  }

  async #acquaintanceKey(acquaintance: string): Promise<string> {
    return `${KEY_PREFIX}met:${await this.#hashSubject(acquaintance)}`;
  }

  async #askExistence(key: string, batch: CommandBatch): Promise<boolean> {
    const count = demandReply(await batch.add(["EXISTS", key]));
    if (count !== 0 && count !== 1) throw new StoreUnavailable("a key neither exists nor does not");
    return count === 1;
  }

  async #askRevocation(token: NonNullable<AdmissionQuestion["token"]>, batch: CommandBatch): Promise<boolean> {
    return readRevocation(await batch.add(revocationCommand(token)), this.#clock.now());
  }

  async #askTime(batch: CommandBatch): Promise<void> {
    const askedAtMs = this.#now();
    this.#clock.learn(await batch.add(["TIME"]), askedAtMs, this.#now());
  }
}

function answerOf<T>(part: PromiseSettledResult<T>): T | undefined {
  return part.status === "fulfilled" ? part.value : undefined;
}
