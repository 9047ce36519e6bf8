import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { CachePolicy } from "../gen/policy/v1/policy_pb.ts";
import { compileTag, type TagTemplate } from "./cache-tag.ts";
import { PolicyError } from "./policy.ts";

/** How an rpc's answers are kept. */
export interface CacheSettings {
  /** How long an answer is fresh. Undefined: as long as CACHE_TTL says, which bounds any other value from above. */
  readonly ttlSeconds: number | undefined;
  /** How long after that it is still given while a new one is fetched. */
  readonly staleWhileRevalidateSeconds: number;
  /** How long after it was fresh it is given where the service cannot be had. */
  readonly staleIfErrorSeconds: number;
  readonly tags: readonly TagTemplate[];
}

/** What is older than a day is no answer. */
const MAX_SECONDS = 86_400;

/** Reads and checks how an rpc's answers are kept; undefined where they are not. */
export function cacheSettingsOf(method: DescMethod, policy: CachePolicy | undefined): CacheSettings | undefined {
  if (policy === undefined) return undefined;
  // Streams have no one answer to keep.
  if (method.idempotency !== IdempotencyLevel.NO_SIDE_EFFECTS || method.methodKind !== "unary") {
    throw new PolicyError(method, "has a cache, and is no unary rpc with NO_SIDE_EFFECTS");
  }
  const { ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds, tags } = policy;
  const longest = Math.max(ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds);
  if (longest > MAX_SECONDS) throw new PolicyError(method, `keeps answers for ${longest} s, more than ${MAX_SECONDS}`);
  if (tags.length === 0) throw new PolicyError(method, "has a cache without tags: no write could end its answers");
  return {
    ttlSeconds: ttlSeconds === 0 ? undefined : ttlSeconds,
    staleWhileRevalidateSeconds,
    staleIfErrorSeconds,
    tags: tags.map((tag) => compileTag(method, tag, "request")),
  };
}

/** Reads and checks the tags that an rpc invalidates. */
export function invalidatedTagsOf(method: DescMethod, tags: readonly string[]): readonly TagTemplate[] {
  if (tags.length > 0 && method.idempotency === IdempotencyLevel.NO_SIDE_EFFECTS) {
    throw new PolicyError(method, "invalidates tags, and claims NO_SIDE_EFFECTS");
  }
  return tags.map((tag) => compileTag(method, tag, "both"));
}
