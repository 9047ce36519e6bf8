import { type ContextValues, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { authenticationError } from "./errors.ts";
import type { Role } from "./gen/policy/v1/policy_pb.ts";

/** Who is calling, as the verified token says. Nothing in it comes from the client's own claims about itself. */
export interface Caller {
  readonly userId: string;
  readonly role: Role;
  /** The session the token belongs to; absent in tokens of an external issuer. */
  readonly sessionId: string | undefined;
  /** The token's own id (`jti`). */
  readonly tokenId: string;
  /** Seconds since the epoch. */
  readonly issuedAtSeconds: number;
  /** Seconds since the epoch. */
  readonly expiresAtSeconds: number;
}

/** What became of one upstream call that may be answered from what is kept. */
export interface CacheUse {
  /**
   * `hit`: fresh. `revalidating`: stale, and fetched anew behind the answer. `stale-on-error`: stale, since the service
   * cannot be had. `miss`: from the service itself; `joined` the same, by a call that another request had begun.
   */
  readonly outcome: "hit" | "revalidating" | "stale-on-error" | "miss" | "joined";
  /** How long ago the service was asked. */
  readonly ageSeconds: number;
  /** How long it is still fresh; negative: how long it has been stale. */
  readonly ttlSeconds: number;
}

/** What belongs to one request and travels with it through all stages. */
export interface RequestContext {
  readonly requestId: string;
  /** The W3C trace context to hand on, if there is one. */
  readonly traceparent: string | undefined;
  /** Milliseconds since the epoch at which every upstream call of this request must be over. */
  readonly deadlineAtMs: number;
  /** Undefined where the policy lets anyone in. */
  readonly caller: Caller | undefined;
  /** Tells the edge that this request's credentials were right, and whose: the address is no stranger any more. */
  readonly signedIn?: ((email: string) => void) | undefined;
  /** Adds fields to the request's log line. */
  note(fields: Readonly<Record<string, unknown>>): void;
  /** Filled by the upstream calls of the request, for the headers Age and Cache-Status. */
  readonly cacheUses: CacheUse[];
}

/** Where a HandlerContext carries the RequestContext. */
export const requestContextKey = createContextKey<RequestContext | undefined>(undefined, {
  description: "the gateway's request",
});

/** The request that an implementation or an upstream call belongs to. */
export function requestContextOf(values: ContextValues): RequestContext {
  const context = values.get(requestContextKey);
  if (context === undefined) throw new Error("called outside of a request");
  return context;
}

/** The caller of an rpc whose policy demands one. A missing caller is refused, never let through. */
export function callerOf(context: Pick<HandlerContext, "values">): Caller {
  return demandCaller(requestContextOf(context.values));
}

/** The caller of a request, where there must be one. */
export function demandCaller({ caller }: RequestContext): Caller {
  if (caller === undefined) throw authenticationError("Sign in first.");
  return caller;
}
