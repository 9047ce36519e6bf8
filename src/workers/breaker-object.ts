import type { BreakerKind } from "../upstream/breakers.ts";
import type { Outcome, Tally } from "../upstream/tally.ts";
import { isCount, isRecord } from "./stored-breaker-state.ts";

/** What the object knows, as it tells isolates. Times are left-over times: two machines' clocks never agree. */
export interface BreakerView {
  readonly kind: BreakerKind;
  /** Counts the changes, so that what was seen before the last one is known by it. */
  readonly epoch: number;
  /** How often it has opened since it was last closed. */
  readonly openings: number;
  /** How long it stays open, or how long its probe may still take. 0 when closed. */
  readonly waitMs: number;
  /** Calls fail somewhere: isolates that see none of that had better report what goes well. */
  readonly troubled: boolean;
}

export interface ProbeAnswer extends BreakerView {
  /** Whoever asked is the probe, under the view's epoch. */
  readonly granted: boolean;
}

/** What an isolate asks of a service's breaker object. Every call may fail or never end. */
export interface BreakerObject {
  /** Hands over what has been seen since the last report; `epoch` is the object's as the isolate knows it. */
  record(epoch: number | undefined, tally: Tally): Promise<BreakerView>;
  askForProbe(): Promise<ProbeAnswer>;
  /** May be said again: a probe's outcome counts once. */
  recordProbe(epoch: number, outcome: Outcome): Promise<BreakerView>;
}

const KINDS: readonly unknown[] = ["closed", "open", "half-open"] satisfies readonly BreakerKind[];

/**
 * The answer if it is a view, or else an error: while a deployment goes on, isolates of one version ask objects of
 * another, and a state that nobody knows would make every call of the service fail in this isolate for good.
 */
export function demandView<View extends BreakerView>(answer: View): View {
  const { kind, epoch, openings, waitMs }: Readonly<Record<string, unknown>> = isRecord(answer) ? answer : {};
  const isView = KINDS.includes(kind) && isCount(epoch) && isCount(openings) && Number.isFinite(waitMs);
  if (!isView) throw new Error("the answer is no breaker's");
  return answer;
}
