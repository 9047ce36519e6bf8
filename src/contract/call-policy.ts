import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { call } from "../gen/policy/v1/policy_pb.ts";
import { PolicyError } from "./policy.ts";

/** How an rpc of the platform is called, complete: defaults are filled in. */
export interface CallSettings {
  /** Bounds one call; what is left of the request's own deadline may bound it further. */
  readonly timeoutMs: number;
  /** UNAUTHENTICATED speaks of the end user's credentials, not of ours. */
  readonly checksCredentials: boolean;
}

/** Long enough for a slow query, short enough for a person who waits. */
const DEFAULT_TIMEOUT_MS = 5_000;
/** An rpc that needs longer is a job, not a call. */
const MAX_TIMEOUT_MS = 60_000;

/** Reads and checks the call policy of a platform rpc; one without a policy gets the defaults. */
export function callSettingsOf(method: DescMethod): CallSettings {
  const { timeoutMs, checksCredentials } = getOption(method, call);
  if (timeoutMs > MAX_TIMEOUT_MS) {
    throw new PolicyError(method, `has timeout_ms ${timeoutMs}, more than ${MAX_TIMEOUT_MS}`);
  }
  return { timeoutMs: timeoutMs === 0 ? DEFAULT_TIMEOUT_MS : timeoutMs, checksCredentials };
}
