import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, vi } from "vitest";
import { DEFAULT_BREAKER_OPTIONS } from "../../src/upstream/breaker.ts";
import type { BreakerKind } from "../../src/upstream/breakers.ts";
import type { BreakerObject } from "../../src/workers/breaker-object.ts";
import { DurableBreaker } from "../../src/workers/durable-breaker.ts";
import { ObjectLine } from "../../src/workers/object-line.ts";

let objectsSoFar = 0;

/** A service that nobody has had before, and so an object that knows nothing yet. */
export function newService(): string {
  objectsSoFar += 1;
  return `service-${objectsSoFar}`;
}

export function stubOf(service: string) {
  return env.CIRCUIT_BREAKERS.getByName(service);
}

/** Ends the instance; what it had in memory is gone. */
export function evict(service: string): Promise<void> {
  return evictDurableObject(stubOf(service));
}

/** Time stands still for the isolates and for the objects, until a test moves it. Timers run. */
export function stopTheClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2030, 0, 1) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

export function advance(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

export interface Isolate {
  readonly breaker: DurableBreaker;
  readonly changes: (readonly [from: BreakerKind, to: BreakerKind, openMs: number | undefined])[];
  readonly log: string[];
  /** Every question that was put to the object, by its name. */
  readonly asked: string[];
  /** Waits until nothing goes on in the background. */
  settle(): Promise<void>;
}

/** More than the slowest machine needs: an object that is well is never given up here. */
const ENDLESS = { patienceMs: 20_000, giveUpMs: 20_000 };

/** What one isolate has in memory. `object` stands in the real one's place. */
export function newIsolate(
  service: string,
  object: () => BreakerObject = () => stubOf(service),
  patience = ENDLESS,
): Isolate {
  const changes: Isolate["changes"] = [];
  const log: string[] = [];
  const asked: string[] = [];
  const background = new Set<Promise<void>>();
  const counted =
    <Question extends unknown[], Answer>(name: keyof BreakerObject, ask: (...question: Question) => Answer) =>
    (...question: Question): Answer => {
      asked.push(name);
      return ask(...question);
    };
  const line = new ObjectLine<BreakerObject>({
    name: service,
    object: () => {
      const real = object();
      return {
        record: counted("record", (epoch, tally) => real.record(epoch, tally)),
        askForProbe: counted("askForProbe", () => real.askForProbe()),
        recordProbe: counted("recordProbe", (epoch, outcome) => real.recordProbe(epoch, outcome)),
      };
    },
    now: Date.now,
    logger: { log: (_level, message) => log.push(message) },
    ...patience,
  });
  const breaker = new DurableBreaker({
    options: DEFAULT_BREAKER_OPTIONS,
    now: Date.now,
    onChange: ({ from, to, openMs }) => changes.push([from, to, openMs]),
    line,
    keepAlive: (work) => {
      background.add(work);
      void work.finally(() => background.delete(work));
    },
  });
  const settle = async () => {
    while (background.size > 0) await Promise.all(background);
  };
  return { breaker, changes, log, asked, settle };
}
