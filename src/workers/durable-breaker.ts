import { within } from "../telemetry/within.ts";
import { admit, type BreakerState, INITIAL_BREAKER_STATE, type Permit, report } from "../upstream/breaker.ts";
import { type BreakerCell, createBreakerCell } from "../upstream/breaker-cell.ts";
import type { Admitted, Breaker, BreakerKind, BreakerSetup, Decision } from "../upstream/breakers.ts";
import { addToTally, EMPTY_TALLY, type Outcome, type Tally } from "../upstream/tally.ts";
import { type BreakerObject, type BreakerView, demandView, type ProbeAnswer } from "./breaker-object.ts";
import { type ObjectLine, sleep } from "./object-line.ts";

export interface DurableBreakerSetup extends BreakerSetup {
  readonly line: ObjectLine<BreakerObject>;
  /** Keeps work alive that goes on after the answer. The promise never rejects. */
  readonly keepAlive: (work: Promise<void>) => void;
}

/** At least so long between two reports; what is seen meanwhile goes with the next. */
const GAP_MS = 250;
/** How old what is known of the object may be while there is traffic. */
const REFRESH_MS = { quiet: 10_000, troubled: 2_000, open: 1_000, "half-open": 500 } as const;
const PROBE_REPORTS = 3;
/**
 * What one request reports in its background, the failures of all others while it does. Each is a subrequest of its own,
 * of which it may have 50 where nobody pays; and its background ends after 30 seconds, with what was under way.
 */
const REPORTS_IN_A_ROW = 8;

/** A call that is to find out whether the service is back. */
interface Probe {
  readonly permit: Permit;
  /** The object's epoch under which it is the one probe; undefined while only this isolate thinks so. */
  grant: number | undefined;
  outcome: Outcome | undefined;
}

/**
 * The breaker of one service in one isolate. It decides from memory, by the same machine as a Node process, and tells
 * the service's Durable Object in the background what it has seen: failures at once, but one report at a time; what goes
 * well with the next report or refresh. The answer tells what other isolates have seen, and is adopted: the object is
 * the truth about open and half-open, as long as it answers. Otherwise the isolate is on its own, and no request notices.
 *
 * A report that is lost is not said again: counted twice, it could shut a service.
 *
 * Fixed point 4 of the design; the road not taken is to ask the object for each call: a round trip for everybody, to the
 * other end of the world for some, and a single point of failure.
 */
export class DurableBreaker implements Breaker {
  readonly #setup: DurableBreakerSetup;
  readonly #cell: BreakerCell;
  /** The object's epoch as last heard of. */
  #epoch: number | undefined;
  #troubled = false;
  /** Seen since the last report. */
  #tally: Tally = EMPTY_TALLY;
  /** There is a failure among it. */
  #urgent = false;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /**
   * Until then somebody reports and looks again afterwards. A time and no flag: work ends with the request that it
   * belongs to, without a word.
   */
  #busyUntilMs = Number.NEGATIVE_INFINITY;
  #run = 0;
  #order = 0;
  /** Answers to questions from before this one are old: since then a probe has found out more. */
  #oldestOrder = 0;

  constructor(setup: DurableBreakerSetup) {
    this.#setup = setup;
    this.#cell = createBreakerCell(setup);
  }

  kind(): BreakerKind {
    return this.#cell.get().kind;
  }

  admit(): Decision | Promise<Decision> {
    const admission = admit(this.#cell.get(), this.#setup.now(), this.#setup.options);
    if (!admission.admitted) {
      this.#refresh();
      return { admitted: false, retryAfterMs: admission.retryAfterMs };
    }
    if (admission.permit.kind === "call") {
      this.#refresh();
      return this.#call(admission.permit);
    }
    // From here on everybody else in this isolate is refused, whatever becomes of this one.
    this.#cell.set(admission.state);
    const probe: Probe = { permit: admission.permit, grant: undefined, outcome: undefined };
    return this.#setup.line.isLost() ? this.#probe(probe) : this.#askForProbe(probe);
  }

  #call(permit: Permit): Admitted {
    return { admitted: true, isProbe: false, report: (outcome) => this.#reportCall(permit, outcome) };
  }

  #probe(probe: Probe): Admitted {
    return {
      admitted: true,
      isProbe: true,
      report: (outcome) => {
        this.#step(probe.permit, outcome);
        probe.outcome = outcome;
        this.#reportProbe(probe);
      },
    };
  }

  #step(permit: Permit, outcome: Outcome): void {
    const { now, options } = this.#setup;
    this.#cell.set(report(this.#cell.get(), permit, outcome, now(), options, Math.random()));
  }

  #reportCall(permit: Permit, outcome: Outcome): void {
    const { kind, epoch } = this.#cell.get();
    // From before the last change, or nothing to tell.
    if (kind !== "closed" || permit.epoch !== epoch || outcome === "neutral") return;
    this.#step(permit, outcome);
    this.#tally = addToTally(this.#tally, outcome);
    if (outcome === "success") return;
    this.#urgent = true;
    this.#send();
  }

  #refresh(): void {
    const { kind } = this.#cell.get();
    const state = kind === "closed" ? (this.#troubled ? "troubled" : "quiet") : kind;
    if (this.#setup.now() - this.#sentAtMs >= REFRESH_MS[state]) this.#send();
  }

  /** Reports in the background, unless somebody is at it or the object had better be left alone. */
  #send(): void {
    const nowMs = this.#setup.now();
    if (nowMs < this.#busyUntilMs || this.#setup.line.isCooling()) return;
    this.#setup.keepAlive(this.#sendUntilQuiet(++this.#run));
  }

  async #sendUntilQuiet(run: number): Promise<void> {
    for (let report = 1; ; report++) {
      const nowMs = this.#setup.now();
      this.#busyUntilMs = nowMs + this.#setup.line.giveUpMs + GAP_MS;
      this.#sentAtMs = nowMs;
      const tally = this.#tally;
      this.#tally = EMPTY_TALLY;
      this.#urgent = false;
      const answered = await this.#exchange((object) => object.record(this.#epoch, tally));
      if (answered !== undefined && this.#urgent) await sleep(GAP_MS);
      // It took so long that somebody else has begun.
      if (run !== this.#run) return;
      // What is left goes with the next call that fails, in the background of its own request.
      if (answered === undefined || !this.#urgent || report === REPORTS_IN_A_ROW) break;
    }
    this.#busyUntilMs = Number.NEGATIVE_INFINITY;
  }

  async #askForProbe(probe: Probe): Promise<Decision> {
    let begun = false;
    const asked = this.#ask(probe, () => !begun);
    this.#setup.keepAlive(asked.then(() => {}));
    const answer = await within(this.#setup.line.patienceMs, asked).catch(() => undefined);
    begun = true;
    // No answer, so the isolate is on its own.
    if (answer === undefined || answer.granted) return this.#probe(probe);
    const { now, options } = this.#setup;
    const admission = admit(this.#cell.get(), now(), options);
    if (admission.admitted && admission.permit.kind === "call") return this.#call(admission.permit);
    return { admitted: false, retryAfterMs: admission.admitted ? options.openMs : admission.retryAfterMs };
  }

  /** `mayAdopt` tells whether the call still waits, so that what the object says can take its place. */
  async #ask(probe: Probe, mayAdopt: () => boolean): Promise<ProbeAnswer | undefined> {
    const answer = await this.#setup.line.ask(async (object) => demandView(await object.askForProbe()));
    if (answer === undefined) return undefined;
    if (answer.granted) {
      this.#epoch = answer.epoch;
      probe.grant = answer.epoch;
      // The grant came late, and the call is over.
      this.#reportProbe(probe);
    } else if (mayAdopt()) {
      this.#adopt(answer, { force: true });
    }
    return answer;
  }

  /** Tells the object what its probe has found out, as soon as there is both a grant and an outcome. */
  #reportProbe({ grant, outcome }: Probe): void {
    if (grant === undefined || outcome === undefined) return;
    this.#oldestOrder = this.#order + 1;
    this.#setup.keepAlive(this.#insist((object) => object.recordProbe(grant, outcome)));
  }

  /** All others wait for the probe's outcome, so one lost message is not the end of it. */
  async #insist(ask: (object: BreakerObject) => Promise<BreakerView>): Promise<void> {
    for (let attempt = 1; attempt <= PROBE_REPORTS; attempt++) {
      if ((await this.#exchange(ask)) !== undefined) return;
      await sleep(GAP_MS);
    }
  }

  /** One question to the object, whose answer is adopted; undefined where there is none. */
  async #exchange(ask: (object: BreakerObject) => Promise<BreakerView>): Promise<BreakerView | undefined> {
    const order = ++this.#order;
    const view = await this.#setup.line.ask(async (object) => demandView(await ask(object)));
    if (view !== undefined && order >= this.#oldestOrder) this.#adopt(view);
    return view;
  }

  /** `force` where what is known here only bridges the time until the answer. */
  #adopt(view: BreakerView, { force } = { force: false }): void {
    const isNews = this.#epoch !== undefined && view.epoch !== this.#epoch;
    this.#epoch = view.epoch;
    this.#troubled = view.troubled;
    // It was seen before the change.
    if (isNews) {
      this.#tally = EMPTY_TALLY;
      this.#urgent = false;
    }
    const local = this.#cell.get();
    // While the object knows no more than before, a breaker that this isolate has opened stays open: it has seen why.
    // A service that the object holds to be ill is ill here, too.
    const isOwnJudgement = view.kind === "closed" || local.kind !== "closed";
    if (!isNews && isOwnJudgement && !force) return;
    this.#cell.set(stateOf(view, local.epoch + 1, this.#setup.now()));
  }
}

function stateOf({ kind, openings, waitMs }: BreakerView, epoch: number, nowMs: number): BreakerState {
  switch (kind) {
    case "closed":
      return { ...INITIAL_BREAKER_STATE, epoch };
    case "open":
      return { kind, epoch, openings, untilMs: nowMs + waitMs };
    case "half-open":
      return { kind, epoch, openings, probeUntilMs: nowMs + waitMs };
  }
}
