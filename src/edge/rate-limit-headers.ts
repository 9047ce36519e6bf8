import type { RateLimit, Standing } from "../admission/admission-store.ts";
import { retryAfterSeconds } from "../admission/sliding-window.ts";

/**
 * What an answer says of the limits that its request was counted against: `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers, which are structured fields: lists of the policies' names with parameters), and
 * for today's clients `X-RateLimit-*` of the limit that is nearest. Seconds in all of them, and none is a time of the
 * day: the client's clock may be wrong.
 */
export function rateLimitHeaders(standings: readonly Standing[]): Readonly<Record<string, string>> {
  const told = standings.filter(({ limit }) => limit.shared !== true);
  const [first, ...others] = told;
  if (first === undefined) return {};
  const nearest = others.reduce((near, other) => (isNearer(other, near) ? other : near), first);
  return {
    RateLimit: told.map(standingItem).join(", "),
    "RateLimit-Policy": told.map(({ limit }) => policyItem(limit)).join(", "),
    "X-RateLimit-Limit": String(nearest.limit.quota),
    "X-RateLimit-Remaining": String(nearest.remaining),
    "X-RateLimit-Reset": String(retryAfterSeconds(nearest.resetInMs)),
  };
}

function isNearer(one: Standing, other: Standing): boolean {
  return one.allowed === other.allowed ? one.remaining < other.remaining : !one.allowed;
}

/** `r`: what is left; `t`: in how many seconds the window is over. Names are ours and need no escape. */
function standingItem({ limit, remaining, resetInMs }: Standing): string {
  return `"${limit.name}";r=${remaining};t=${retryAfterSeconds(resetInMs)}`;
}

/** `q`: the quota; `w`: the window in whole seconds. */
function policyItem({ name, quota, windowMs }: RateLimit): string {
  return `"${name}";q=${quota};w=${Math.ceil(windowMs / 1000)}`;
}
