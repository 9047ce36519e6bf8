import { Code, ConnectError } from "@connectrpc/connect";
import type { BreakerKind } from "../upstream/breakers.ts";
import { VERSION } from "../version.ts";

/** Rejects unless the dependency is well, within the given time. */
export type Probe = (timeoutMs: number) => Promise<void>;

/** A dependency and how it is asked; without a probe it is not configured. */
export interface Dependency {
  /** As in contract.md section 6, e.g. `user-service`. */
  readonly label: string;
  readonly probe?: Probe;
  /** Where its circuit breaker stands; without one it is always closed. */
  readonly breaker?: () => BreakerKind;
}

type Verdict = "healthy" | "unhealthy" | "not_configured";

interface Detail {
  readonly latency_ms: number;
  readonly breaker: BreakerKind;
  readonly error?: string;
}

/** The body of `/health/detailed`. */
export interface DetailedHealth {
  readonly status: "healthy" | "degraded";
  readonly version: string;
  readonly services: Readonly<Record<string, Verdict>>;
  readonly details: Readonly<Record<string, Detail | Record<string, never>>>;
}

/** Long enough for a service that lives; a page that an operator looks at must not hang. */
const PROBE_TIMEOUT_MS = 2_000;
/** Anyone may ask, so what was found is kept this long: asking often must not become a load on the services. */
const KEPT_FOR_MS = 1_000;

/** The body of `/health`, which asks nobody. */
export function shallowHealth() {
  return { status: "healthy", version: VERSION, services: {} };
}

/**
 * Makes the function behind `/health/detailed`: it asks every dependency at once. While it does, others get the answer
 * before. The road not taken is to let them wait for the same promise: on Workers it would belong to another request,
 * and never end when that one's client goes away.
 */
export function createDetailedHealth(
  dependencies: readonly Dependency[],
  now: () => number,
): () => Promise<DetailedHealth> {
  let kept: DetailedHealth | undefined;
  let keptUntilMs = 0;
  return async () => {
    if (kept !== undefined && keptUntilMs > now()) return kept;
    keptUntilMs = now() + KEPT_FOR_MS;
    const rows = await Promise.all(dependencies.map(examine));
    const health: DetailedHealth = {
      status: rows.some(({ verdict }) => verdict === "unhealthy") ? "degraded" : "healthy",
      version: VERSION,
      services: Object.fromEntries(rows.map(({ label, verdict }) => [label, verdict])),
      details: Object.fromEntries(rows.map(({ label, detail }) => [label, detail])),
    };
    kept = health;
    keptUntilMs = now() + KEPT_FOR_MS;
    return health;
  };
}

async function examine({ label, probe, breaker = () => "closed" }: Dependency) {
  if (probe === undefined) return { label, verdict: "not_configured", detail: {} } as const;
  const started = performance.now();
  const error = await ask(probe).then(() => undefined, nameOf);
  const latency_ms = Math.round((performance.now() - started) * 10) / 10;
  const detail = { latency_ms, breaker: breaker(), ...(error !== undefined && { error }) } as const;
  return { label, verdict: error === undefined ? "healthy" : "unhealthy", detail } as const;
}

/** Asynchronous, so that a probe that throws at once has failed like any other. */
async function ask(probe: Probe): Promise<void> {
  await probe(PROBE_TIMEOUT_MS);
}

/** What went wrong in one word: anyone may read it, so no address and no text of the service. */
function nameOf(error: unknown): string {
  if (error instanceof ConnectError) return error.code === Code.DeadlineExceeded ? "timeout" : "unreachable";
  return error instanceof Error && error.name === "TimeoutError" ? "timeout" : "unreachable";
}
