import type { SharedAnswer, SharedAnswers, SharedValue } from "../upstream/shared-answers.ts";
import { KEY_PREFIX } from "./key-prefix.ts";
import { type Redis, RedisError, type RedisReply } from "./redis.ts";

/** Longer than this nothing is kept here, whatever its policy says: instances have their own copies. */
const MAX_LIFETIME_MS = 3_600_000;
/** A tag's version must outlive every value that was kept before it: a lost version would make those true again. */
const VERSION_LIFETIME_MS = 2 * MAX_LIFETIME_MS;
/** A tag that no write has touched lately has no key. */
const NO_VERSION = "";

const valueKey = (key: string) => `${KEY_PREFIX}cache:value:${key}`;
const versionKey = (tag: string) => `${KEY_PREFIX}cache:version:${tag}`;

/**
 * Answers in Redis, one key an answer and one a tag. A value carries the versions that its tags had before the service was
 * asked, and counts only while they still are what they were. So a write need not find the values that it ends, and a read
 * that was under way during a write keeps, after it, what nobody will take: without a script, a lock, or an index.
 *
 * Versions are random, not counted: after a store lost its memory, a counter would come by an earlier number again.
 *
 * The keys are read one by one, in one round trip: MGET would need all of them in one slot of a cluster.
 */
export function createRedisSharedAnswers(redis: Redis): SharedAnswers {
  return {
    async read(key, tags) {
      const replies = await run(redis, [
        ["GET", valueKey(key)],
        ...tags.map((tag) => ["GET", versionKey(tag)] as const),
      ]);
      return replies === undefined ? undefined : readAnswer(replies);
    },

    async keep(key, versions, { message, askedAtMs }, lifetimeMs) {
      const text = JSON.stringify({ versions, askedAtMs, message: toBase64(message) } satisfies StoredValue);
      await run(redis, [["SET", valueKey(key), text, "PX", Math.min(lifetimeMs, MAX_LIFETIME_MS)]]);
    },

    async invalidate(tags) {
      const version = crypto.randomUUID();
      await run(
        redis,
        tags.map((tag) => ["SET", versionKey(tag), version, "PX", VERSION_LIFETIME_MS] as const),
      );
    },
  };
}

/** What a value's key holds, as JSON. */
interface StoredValue {
  readonly versions: readonly string[];
  readonly askedAtMs: number;
  /** Base64: a store may be reached by JSON, which has no bytes. */
  readonly message: string;
}

/** Undefined where the store, or one of the commands, failed. */
async function run(redis: Redis, commands: Parameters<Redis["run"]>[0]): Promise<readonly RedisReply[] | undefined> {
  if (commands.length === 0) return [];
  try {
    const replies = await redis.run(commands);
    return replies.some((reply) => reply instanceof RedisError) ? undefined : replies;
  } catch {
    return undefined;
  }
}

function readAnswer([stored, ...versionReplies]: readonly RedisReply[]): SharedAnswer {
  const versions = versionReplies.map((reply) => (typeof reply === "string" ? reply : NO_VERSION));
  return { versions, value: typeof stored === "string" ? readValue(stored, versions) : undefined };
}

/** Undefined for a value that a write has touched since, and for what makes no sense: others may write into a store. */
function readValue(text: string, versions: readonly string[]): SharedValue | undefined {
  try {
    const stored = JSON.parse(text) as Partial<StoredValue> | null;
    if (JSON.stringify(stored?.versions) !== JSON.stringify(versions)) return undefined;
    if (typeof stored?.askedAtMs !== "number" || typeof stored.message !== "string") return undefined;
    return { message: fromBase64(stored.message), askedAtMs: stored.askedAtMs };
  } catch {
    return undefined;
  }
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.byteLength; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

/** More arguments than this a function call may not have in every engine. */
const CHUNK = 8_192;

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
