import type { CacheUse } from "../context.ts";

/** The outcomes, the one that says most about an answer first: it is as old as its oldest part. */
const PRECEDENCE: readonly CacheUse["outcome"][] = ["stale-on-error", "revalidating", "miss", "joined", "hit"];

/** What each is in RFC 9211, section 2. */
const CACHE_STATUS: Readonly<Record<CacheUse["outcome"], string>> = {
  hit: "hit",
  revalidating: "hit; detail=revalidating",
  "stale-on-error": "fwd=stale; detail=service-unavailable",
  miss: "fwd=miss",
  joined: "fwd=miss; collapsed",
};

/**
 * The headers that tell how old an answer is: `Age` (RFC 9111, section 5.1) where any part of it was kept, and
 * `Cache-Status`. None where no upstream call could have been answered from what is kept. An answer that is made of
 * several calls has one of each: the oldest age, and what became of the call that says most.
 */
export function cacheHeaders(uses: readonly CacheUse[]): Readonly<Record<string, string>> {
  const foremost = uses.toSorted((a, b) => PRECEDENCE.indexOf(a.outcome) - PRECEDENCE.indexOf(b.outcome))[0];
  if (foremost === undefined) return {};
  const kept = uses.filter(({ outcome }) => outcome !== "miss" && outcome !== "joined");
  const ttl = kept.includes(foremost) ? `; ttl=${foremost.ttlSeconds}` : "";
  const status = { "cache-status": `devmatch; ${CACHE_STATUS[foremost.outcome]}${ttl}` };
  if (kept.length === 0) return status;
  return { ...status, age: String(Math.max(...kept.map(({ ageSeconds }) => ageSeconds))) };
}
