import type { BreakerOptions, BreakerState } from "./breaker.ts";
import type { UpstreamService } from "./services.ts";
import type { Outcome } from "./tally.ts";

/** Where a breaker stands, in one word. */
export type BreakerKind = BreakerState["kind"];

/** What a call is told that asks for leave. */
export type Decision = Admitted | Refused;

export interface Admitted {
  readonly admitted: true;
  /** It is to find out whether the service is back. Whoever makes several attempts of a call makes one of a probe. */
  readonly isProbe: boolean;
  /** Tells what the call ended with; must be called once. Never throws and waits for nobody. */
  report(outcome: Outcome): void;
}

export interface Refused {
  readonly admitted: false;
  /** When the breaker will let somebody try, above 0. */
  readonly retryAfterMs: number;
}

/** The circuit breaker of one service, as a process or isolate sees it. */
export interface Breaker {
  /**
   * Decides from memory. Only where the service is known to be ill may the answer be a promise, which never rejects:
   * the one probe may have to be asked for elsewhere.
   */
  admit(): Decision | Promise<Decision>;
  kind(): BreakerKind;
}

/** Is told each change of kind, with how long the breaker stays open if it is. */
export type OnBreakerChange = (change: {
  readonly from: BreakerKind;
  readonly to: BreakerKind;
  readonly openMs: number | undefined;
}) => void;

export interface BreakerSetup {
  readonly options: BreakerOptions;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onChange: OnBreakerChange;
}

/** Makes the breaker of a service, once for a process or isolate. */
export type CreateBreaker = (service: UpstreamService, setup: BreakerSetup) => Breaker;
