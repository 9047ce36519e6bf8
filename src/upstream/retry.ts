import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import type { GatewayMetrics } from "../telemetry/gateway-metrics.ts";
import type { Call, CallStep } from "./call.ts";
import { type FailureKind, failureKindOf } from "./failure-kind.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { labelOf } from "./services.ts";

/** What making a call again needs; one of it for each service. */
export interface RepeatOptions {
  readonly budget: RetryBudget;
  readonly metrics: GatewayMetrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Settles after so long; rejects at once when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The wait before a second attempt is random between these: those who failed together must not come back together. */
const BACKOFF_MS = { least: 25, most: 100 };

/** What one call has used up: either may happen once. */
interface Used {
  refusal: boolean;
  repetition: boolean;
}

/**
 * Makes a call again where that is safe and may help (gRFC A6):
 *
 * - "refused" is repeated once, at once, whatever the method: HTTP/2 promises that nothing happened.
 * - "unreachable" is repeated once, after a wait, whatever the method: nothing was sent.
 * - "unavailable" and "lost" are repeated once, after a wait, where the rpc's `idempotency_level` says that twice is the
 *   same as once. Any other may have been done already.
 *
 * What waits is paid for from the service's budget, and nothing is repeated that could not be answered by the call's
 * deadline. What one of our own steps refuses (a GatewayError) is final.
 */
export function retry(options: RepeatOptions, next: CallStep): CallStep {
  const { budget, sleep } = options;
  return async (first) => {
    // The second attempt of a hedged call is hedge.ts's business; a probe has none.
    if (first.settings.hedgeAfterMs !== undefined || first.isProbe) return next(first);
    const used: Used = { refusal: false, repetition: false };
    for (let call = first; ; call = { ...call, attempt: call.attempt + 1 }) {
      try {
        const answer = await next(call);
        budget.noteSuccess();
        return answer;
      } catch (error) {
        const kind = failureKindOf(error);
        const waitMs = waitBeforeNext(kind, error, call, used, options);
        if (waitMs === undefined) throw error;
        if (waitMs > 0) await sleep(waitMs, call.signal);
        noteRepetition(options, call, kind);
      }
    }
  };
}

/** Counts an attempt that follows another, and says so in the request's log line. */
export function noteRepetition({ metrics }: RepeatOptions, call: Call, reason: FailureKind | "slow"): void {
  metrics.upstreamRetries.labels({ service: labelOf(call.service), method: call.method.name, reason }).inc();
  call.context.note({ upstream_retry: `${labelOf(call.service)} ${call.method.name} ${reason}` });
}

/** Milliseconds until the next attempt; undefined where there must be none. */
function waitBeforeNext(
  kind: FailureKind,
  error: unknown,
  call: Call,
  used: Used,
  { budget, now, random }: RepeatOptions,
): number | undefined {
  if (kind === "final" || call.signal.aborted) return undefined;
  if (kind === "refused" && !used.refusal) {
    used.refusal = true;
    return 0;
  }
  budget.spend();
  const safe = kind === "refused" || kind === "unreachable" || isRepeatable(call);
  if (!safe || used.repetition || !budget.allows()) return undefined;
  used.repetition = true;
  const waitMs = pushbackOf(error) ?? BACKOFF_MS.least + random() * (BACKOFF_MS.most - BACKOFF_MS.least);
  return now() + waitMs < call.deadlineAtMs ? waitMs : undefined;
}

/** Whether the service may see the same call twice. */
function isRepeatable({ method: { idempotency } }: Call): boolean {
  return idempotency === IdempotencyLevel.NO_SIDE_EFFECTS || idempotency === IdempotencyLevel.IDEMPOTENT;
}

/**
 * How long the service asks to be left alone, in milliseconds; undefined where it says nothing. A negative number or
 * none means "not again" (gRFC A6), and so becomes a wait that no deadline allows.
 */
export function pushbackOf(error: unknown): number | undefined {
  const pushback = error instanceof ConnectError ? error.metadata.get("grpc-retry-pushback-ms") : null;
  if (pushback === null) return undefined;
  return /^\d{1,9}$/.test(pushback) ? Number(pushback) : Number.POSITIVE_INFINITY;
}

/** The system's timer. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
