import {
  ACQUAINTANCE_MS,
  type AdmissionAnswer,
  type AdmissionQuestion,
  type AdmissionStore,
} from "../admission/admission-store.ts";
import type { HashSubject } from "./hashed-subject.ts";
import { KEY_PREFIX } from "./key-prefix.ts";
import { type Redis, type RedisCommand, type RedisReply, StoreUnavailable } from "./redis.ts";
import { chargeInRedis, SLIDING_WINDOW } from "./redis-limit.ts";
import { demandReply, runOne } from "./replies.ts";
import { readRevocation, revocationCommand } from "./revocations.ts";
import { createScript, isNoScript, type Script } from "./script.ts";
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
    const charging = charges.length === 0 ? undefined : chargeInRedis(hashed, await this.#script, this.#clock.now());
    const asksTime = charging !== undefined && this.#clock.isDue();
    const commands: RedisCommand[] = [];
    if (charging !== undefined) commands.push(charging.byName);
    if (token !== undefined) commands.push(revocationCommand(token));
    if (met !== undefined) commands.push(["EXISTS", met]);
    if (asksTime) commands.push(["TIME"]);

    const askedAtMs = this.#now();
    const replies = await this.#send(commands);
    const answeredAtMs = this.#now();
    if (charging !== undefined && isNoScript(replies[0])) replies[0] = (await this.#send([charging.bySource]))[0];

    let trouble: unknown;
    /** What the next reply says; undefined where it says nothing. Each part of an answer fails by itself. */
    const take = <T>(read: (reply: RedisReply | undefined) => T): T | undefined => {
      const reply = replies.shift();
      try {
        if (reply instanceof StoreUnavailable) throw reply;
        return read(reply);
      } catch (error) {
        trouble ??= error;
        return undefined;
      }
    };
    const standings = charging === undefined ? [] : take(charging.read);
    const revoked = token === undefined ? false : take((reply) => readRevocation(reply, this.#clock.now()));
    const acquainted = met === undefined ? false : take(readExistence);
    if (asksTime) take((reply) => this.#clock.learn(reply, askedAtMs, answeredAtMs));
    return { standings, revoked, acquainted, trouble };
  }

  /** One reply a command; where there are none, why in the place of each. */
  async #send(commands: readonly RedisCommand[]): Promise<(RedisReply | StoreUnavailable | undefined)[]> {
    if (commands.length === 0) return [];
    try {
      const replies = await this.#redis.run(commands);
      if (replies.length === commands.length) return [...replies];
      throw new StoreUnavailable("there are more or fewer replies than commands");
    } catch (error) {
      // What a Redis rejects with; should it be anything else, no reader takes it for a reply.
      return commands.map(() => error as StoreUnavailable);
    }
  }

  async acquaint(acquaintance: string): Promise<void> {
    const key = await this.#acquaintanceKey(acquaintance);
    await runOne(this.#redis, ["SET", key, 1, "PX", ACQUAINTANCE_MS]);
  }

  async #acquaintanceKey(acquaintance: string): Promise<string> {
    return `${KEY_PREFIX}met:${await this.#hashSubject(acquaintance)}`;
  }
}

function readExistence(reply: RedisReply | undefined): boolean {
  const count = demandReply(reply);
  if (count !== 0 && count !== 1) throw new StoreUnavailable("a key neither exists nor does not");
  return count === 1;
}
