import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { call } from "../gen/policy/v1/policy_pb.ts";
import { type CacheSettings, cacheSettingsOf, invalidatedTagsOf } from "./cache-policy.ts";
import type { TagTemplate } from "./cache-tag.ts";
import { PolicyError } from "./policy.ts";

/** How an rpc of the platform is called, complete: defaults are filled in. */
export interface CallSettings {
  /** Bounds one call, all attempts; what is left of the request's own deadline may bound it further. */
  readonly timeoutMs: number;
  /** UNAUTHENTICATED speaks of the end user's credentials, not of ours. */
  readonly checksCredentials: boolean;
  /** Undefined: the call is never made twice at once. */
  readonly hedgeAfterMs: number | undefined;
  /** Undefined: answers are not kept. */
  readonly cache: CacheSettings | undefined;
  /** The tags whose kept answers this rpc makes untrue. */
  readonly invalidates: readonly TagTemplate[];
}

/** Long enough for a slow query, short enough for a person who waits. */
const DEFAULT_TIMEOUT_MS = 5_000;
/** An rpc that needs longer is a job, not a call. */
const MAX_TIMEOUT_MS = 60_000;

/** Reads and checks the call policy of a platform rpc; one without a policy gets the defaults. */
export function callSettingsOf(method: DescMethod): CallSettings {
  const policy = getOption(method, call);
  if (policy.timeoutMs > MAX_TIMEOUT_MS) {
    throw new PolicyError(method, `has timeout_ms ${policy.timeoutMs}, more than ${MAX_TIMEOUT_MS}`);
  }
  if (policy.timeoutMs > 0 && method.methodKind !== "unary") {
    throw new PolicyError(method, "has timeout_ms, and is a stream");
  }
  const timeoutMs = policy.timeoutMs === 0 ? DEFAULT_TIMEOUT_MS : policy.timeoutMs;
  return {
    timeoutMs,
    checksCredentials: policy.checksCredentials,
    hedgeAfterMs: hedgeAfterMsOf(method, policy.hedgeAfterMs, timeoutMs),
    cache: cacheSettingsOf(method, policy.cache),
    invalidates: invalidatedTagsOf(method, policy.invalidates),
  };
}

function hedgeAfterMsOf(method: DescMethod, hedgeAfterMs: number, timeoutMs: number): number | undefined {
  if (hedgeAfterMs === 0) return undefined;
  if (method.idempotency !== IdempotencyLevel.NO_SIDE_EFFECTS || method.methodKind !== "unary") {
    throw new PolicyError(method, "has hedge_after_ms, and is no unary rpc with NO_SIDE_EFFECTS");
  }
  if (hedgeAfterMs >= timeoutMs) {
    throw new PolicyError(method, `has hedge_after_ms ${hedgeAfterMs}, not less than its timeout of ${timeoutMs}`);
  }
  return hedgeAfterMs;
}
