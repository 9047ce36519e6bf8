import { DurableObject } from "cloudflare:workers";
import {
  admit,
  type BreakerOptions,
  type BreakerState,
  breakerOptionsOf,
  report,
  reportTally,
} from "../upstream/breaker.ts";
import type { Outcome, Tally } from "../upstream/tally.ts";
import type { Bindings } from "./bindings.ts";
import type { BreakerObject, BreakerView, ProbeAnswer } from "./breaker-object.ts";
import { isCount, isRecord, storedBreakerState } from "./stored-breaker-state.ts";
import { loadWorkerConfig } from "./worker-config.ts";

const STATE = "state";

/**
 * The shared truth about one service's circuit breaker: whether it is open, and who the one probe is. It runs the
 * machine that a Node process runs, on what the isolates report. No request waits for it while the service is well.
 *
 * It may be evicted between any two calls, so what a call has changed is stored before the call is answered. But what
 * has gone well while nothing went wrong is kept in memory only: a healthy service writes nothing. An eviction needs
 * more quiet than the window is long, so nothing is lost by it; a deployment may lose seconds of successes.
 */
export class CircuitBreaker extends DurableObject<Bindings> implements BreakerObject {
  readonly #options: BreakerOptions;
  #state: BreakerState;

  constructor(context: DurableObjectState, bindings: Bindings) {
    super(context, bindings);
    this.#options = breakerOptionsOf(loadWorkerConfig(bindings));
    this.#state = storedBreakerState(context.storage.kv.get(STATE));
  }

  /** What is no tally and no epoch changes nothing, and is answered like any other report. */
  async record(epoch: unknown, tally: unknown): Promise<BreakerView> {
    if ((epoch === undefined || isCount(epoch)) && isTally(tally)) {
      this.#set(reportTally(this.#state, epoch, tally, Date.now(), this.#options, Math.random()));
    }
    return this.#view();
  }

  async askForProbe(): Promise<ProbeAnswer> {
    const admission = admit(this.#state, Date.now(), this.#options);
    this.#set(admission.state);
    return { ...this.#view(), granted: admission.admitted && admission.permit.kind === "probe" };
  }

  async recordProbe(epoch: unknown, outcome: unknown): Promise<BreakerView> {
    if (isCount(epoch) && isOutcome(outcome) && this.#state.kind === "half-open") {
      const permit = { kind: "probe", epoch } as const;
      this.#set(report(this.#state, permit, outcome, Date.now(), this.#options, Math.random()));
    }
    return this.#view();
  }

  #set(next: BreakerState): void {
    const before = this.#state;
    if (next === before) return;
    this.#state = next;
    if (isTroubled(before) || isTroubled(next)) this.ctx.storage.kv.put(STATE, next);
  }

  #view(): BreakerView {
    const state = this.#state;
    return {
      kind: state.kind,
      epoch: state.epoch,
      openings: state.kind === "closed" ? 0 : state.openings,
      waitMs: Math.max(0, endOf(state) - Date.now()),
      troubled: isTroubled(state),
    };
  }
}

function endOf(state: BreakerState): number {
  switch (state.kind) {
    case "closed":
      return 0;
    case "open":
      return state.untilMs;
    case "half-open":
      return state.probeUntilMs;
  }
}

function isTroubled(state: BreakerState): boolean {
  return state.kind !== "closed" || state.window.some(({ failures }) => failures > 0);
}

function isTally(value: unknown): value is Tally {
  if (!isRecord(value)) return false;
  const { calls, failures, row, rowBegan } = value;
  const counts = isCount(calls) && isCount(failures) && isCount(row);
  return counts && failures <= calls && row <= failures && typeof rowBegan === "boolean";
}

function isOutcome(value: unknown): value is Outcome {
  return value === "success" || value === "failure" || value === "suspect" || value === "neutral";
}
