import { runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { DEFAULT_BREAKER_OPTIONS } from "../../src/upstream/breaker.ts";
import type { BreakerObject } from "../../src/workers/breaker-object.ts";
import { breakersOf } from "../../src/workers/worker-breakers.ts";
import { admitted, breakerSuite, calls, refused } from "../suites/breaker-suite.ts";
import { advance, evict, type Isolate, newIsolate, newService, stopTheClock, stubOf } from "./breaker-objects.ts";

const { failureThreshold, openMs, probeMs } = DEFAULT_BREAKER_OPTIONS;

stopTheClock();

describe("as every breaker", () => {
  breakerSuite(() => ({ ...newIsolate(newService()), advance }));
});

/** So many calls of one isolate that all end so, and what goes on behind them. */
function run(isolate: Isolate, outcome: Parameters<typeof calls>[1], count: number): Promise<void> {
  return calls({ ...isolate, advance }, outcome, count);
}

describe("isolates know together what none of them knows alone", () => {
  test("failures that two have seen open the breaker, and both of them hear of it", async () => {
    const service = newService();
    const [one, other] = [newIsolate(service), newIsolate(service)];
    await run(one, "failure", failureThreshold - 2);
    await run(other, "failure", 2);
    expect(other.breaker.kind()).toBe("open");
    expect(one.breaker.kind(), "it has not asked since").toBe("closed");
    advance(2_000);
    admitted(await one.breaker.admit()).report("neutral");
    await one.settle();
    expect(one.breaker.kind()).toBe("open");
  });

  test("what goes well elsewhere ends a row of failures", async () => {
    const service = newService();
    const [one, other] = [newIsolate(service), newIsolate(service)];
    await run(one, "failure", failureThreshold - 1);
    await run(other, "success", 3);
    // There is trouble, so what goes well is told as soon as two seconds later.
    advance(2_000);
    await run(other, "success", 1);
    await run(one, "failure", 1);
    expect((await stubOf(service).record(undefined, undefined)).kind).toBe("closed");
  });

  test("an isolate that begins while it is open lets nobody through once it has heard", async () => {
    const service = newService();
    await run(newIsolate(service), "failure", failureThreshold);
    const late = newIsolate(service);
    admitted(await late.breaker.admit()).report("neutral");
    await late.settle();
    refused(await late.breaker.admit());
  });

  test("one of them makes the probe, at whatever moment each asks", async () => {
    const service = newService();
    const isolates = Array.from({ length: 5 }, () => newIsolate(service));
    for (const isolate of isolates.slice(1)) await run(isolate, "failure", 1);
    advance(2_000);
    for (const isolate of isolates) await run(isolate, isolate === isolates[0] ? "failure" : "neutral", 1);
    expect(isolates.map(({ breaker }) => breaker.kind())).toEqual(Array(5).fill("open"));
    advance(openMs);
    const decisions = await Promise.all(isolates.flatMap(({ breaker }) => [breaker.admit(), breaker.admit()]));
    const probes = decisions.filter((decision) => decision.admitted);
    expect(probes).toMatchObject([{ isProbe: true }]);

    admitted(probes[0]!).report("success");
    for (const { settle } of isolates) await settle();
    // The others hear of it within a moment of asking.
    advance(500);
    for (const { breaker, settle } of isolates) {
      await breaker.admit();
      await settle();
      expect(breaker.kind()).toBe("closed");
    }
  });

  test("a probe that an isolate has taken with it into its grave is lost, and another isolate makes the next", async () => {
    const service = newService();
    const [one, other] = [newIsolate(service), newIsolate(service)];
    await run(one, "failure", failureThreshold);
    advance(openMs);
    expect(admitted(await one.breaker.admit()).isProbe).toBe(true);
    await run(other, "neutral", 1);
    advance(probeMs - 1);
    refused(await other.breaker.admit());
    await other.settle();
    advance(1);
    expect(admitted(await other.breaker.admit()).isProbe).toBe(true);
  });

  test("an isolate alone that has opened its breaker on its own evidence asks before it tries", async () => {
    const service = newService();
    const [one, other] = [newIsolate(service), newIsolate(service)];
    await run(other, "success", 100);
    advance(10_000);
    await run(other, "success", 1);
    // Half of what this one sees goes wrong, and next to nothing of what all see.
    for (let n = 0; n < 10; n++) {
      await run(one, "success", 1);
      await run(one, "suspect", 1);
    }
    expect(one.breaker.kind()).toBe("open");
    advance(openMs);
    expect(admitted(await one.breaker.admit()).isProbe, "the object says that all is well").toBe(false);
    expect(one.breaker.kind()).toBe("closed");
  });
});

describe("R-17 an object that is evicted between any two steps has forgotten nothing", () => {
  test("tripping, refusing, probing, failing, probing again, closing", async () => {
    const service = newService();
    const one = newIsolate(service);
    const other = newIsolate(service);
    const step = async (isolate: Isolate, outcome: Parameters<typeof calls>[1], count: number) => {
      await run(isolate, outcome, count);
      await evict(service);
    };
    await step(one, "failure", 2);
    await step(other, "failure", 2);
    await step(one, "failure", 1);
    expect(one.breaker.kind()).toBe("open");

    advance(openMs);
    const failing = admitted(await one.breaker.admit());
    await evict(service);
    expect((await stubOf(service).askForProbe()).granted, "there is a probe").toBe(false);
    await evict(service);
    failing.report("failure");
    await one.settle();
    await evict(service);
    expect(await stubOf(service).record(undefined, undefined)).toMatchObject({ kind: "open", openings: 2 });

    advance(2 * openMs);
    const succeeding = admitted(await one.breaker.admit());
    expect(succeeding.isProbe).toBe(true);
    await evict(service);
    succeeding.report("success");
    await one.settle();
    await evict(service);
    expect(await stubOf(service).record(undefined, undefined)).toMatchObject({ kind: "closed", waitMs: 0 });
  });
});

/** So that nobody waits long here for what hangs. */
const SHORT = { patienceMs: 50, giveUpMs: 300 };

/** Objects that are of no use, and what is wrong with each. */
const USELESS: readonly (readonly [what: string, make: () => BreakerObject])[] = [
  ["throws", () => objectThat(() => Promise.reject(new Error("overloaded")))],
  [
    "is not there",
    () => {
      throw new Error("no such namespace");
    },
  ],
  [
    "throws without a promise",
    () =>
      objectThat(() => {
        throw new Error("stub is broken");
      }),
  ],
  ["hangs", () => objectThat(() => new Promise(() => {}))],
  ["answers nothing", () => objectThat(async () => undefined)],
  ["answers as another version might", () => objectThat(async () => ({ ...VIEW, kind: "forced-open" }))],
  ["knows no epoch", () => objectThat(async () => ({ ...VIEW, kind: "open", epoch: undefined }))],
  ["stays open without end", () => objectThat(async () => ({ ...VIEW, kind: "open", waitMs: Number.NaN }))],
];

const VIEW = { kind: "closed", epoch: 1, openings: 0, waitMs: 0, troubled: false, granted: false };

function objectThat(does: () => Promise<unknown>): BreakerObject {
  return { record: does, askForProbe: does, recordProbe: does } as BreakerObject;
}

describe.each(USELESS)("R-17 an object that %s costs no request anything", (_what, object) => {
  test("healthy calls are admitted from memory", async () => {
    const { breaker } = newIsolate("none", object, SHORT);
    for (let n = 0; n < 1_000; n++) {
      const decision = breaker.admit();
      expect(decision).toMatchObject({ admitted: true });
      if (!(decision instanceof Promise)) admitted(decision).report("success");
    }
  });

  test("the isolate opens, probes and closes on its own, and waits for nobody", async () => {
    const { breaker, settle, log } = newIsolate("none", object, SHORT);
    for (let n = 0; n < failureThreshold; n++) admitted(await breaker.admit()).report("failure");
    expect(breaker.kind()).toBe("open");
    refused(await breaker.admit());
    advance(openMs);
    const probe = breaker.admit();
    expect(probe, "decided at once").toMatchObject({ admitted: true, isProbe: true });
    expect(breaker.admit(), "while everybody else is refused").toMatchObject({ admitted: false });
    admitted(await probe).report("success");
    expect(breaker.kind()).toBe("closed");
    await settle();
    expect(log.length).toBeGreaterThan(0);
  });
});

describe("R-17 an object that fails in the middle", () => {
  test("when the probe is asked for: the isolate decides for itself, and nobody waits a second time", async () => {
    const service = newService();
    let broken = false;
    const isolate = newIsolate(service, () => {
      if (broken) throw new Error("reset");
      return stubOf(service);
    });
    await run(isolate, "failure", failureThreshold);
    broken = true;
    advance(openMs);
    const probe = admitted(await isolate.breaker.admit());
    expect(probe.isProbe).toBe(true);
    probe.report("failure");
    await isolate.settle();
    advance(openMs - 1);
    refused(await isolate.breaker.admit());
    expect(isolate.breaker.kind()).toBe("open");
  });

  test("whose grant comes too late is told what the probe has found out all the same", async () => {
    const service = newService();
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slow = (): BreakerObject => {
      const real = stubOf(service);
      return {
        record: (...question) => real.record(...question),
        recordProbe: (...question) => real.recordProbe(...question),
        askForProbe: async () => {
          await held;
          return real.askForProbe();
        },
      };
    };
    const isolate = newIsolate(service, slow, { patienceMs: 10, giveUpMs: 20_000 });
    await run(isolate, "failure", failureThreshold);
    advance(openMs);
    const probe = admitted(await isolate.breaker.admit());
    probe.report("success");
    letGo();
    await isolate.settle();
    expect((await stubOf(service).record(undefined, undefined)).kind).toBe("closed");
    expect(isolate.breaker.kind()).toBe("closed");
  });

  test("and is back: what isolates have seen meanwhile is told again", async () => {
    const service = newService();
    let broken = true;
    const isolate = newIsolate(service, () => {
      if (broken) throw new Error("reset");
      return stubOf(service);
    });
    await run(isolate, "failure", failureThreshold - 1);
    broken = false;
    advance(2_000);
    await run(isolate, "failure", 1);
    expect(isolate.breaker.kind()).toBe("open");
    expect(isolate.asked.at(-1)).toBe("record");
  });

  test("by a reset: what it had answered it still knows, and the calls meanwhile are decided without it", async () => {
    const service = newService();
    const isolate = newIsolate(service);
    await run(isolate, "failure", failureThreshold);
    await expect(
      runInDurableObject(stubOf(service), (_object, state) => state.abort("a deployment")),
    ).rejects.toThrow();
    refused(await isolate.breaker.admit());
    expect((await stubOf(service).record(undefined, undefined)).kind).toBe("open");
    advance(openMs);
    admitted(await isolate.breaker.admit()).report("success");
    await isolate.settle();
    expect((await stubOf(service).record(undefined, undefined)).kind).toBe("closed");
  });

  test("a probe's outcome that is lost on its way is said again", async () => {
    const service = newService();
    let lose = 0;
    const isolate = newIsolate(service, () => {
      if (lose-- > 0) throw new Error("reset");
      return stubOf(service);
    });
    await run(isolate, "failure", failureThreshold);
    advance(openMs);
    const probe = admitted(await isolate.breaker.admit());
    lose = 2;
    probe.report("success");
    await isolate.settle();
    expect((await stubOf(service).record(undefined, undefined)).kind).toBe("closed");
  });
});

describe("answers that come late", () => {
  /** An object whose reports wait at a gate: before they are made, or with their answers in hand. */
  function gated(service: string, where: "before" | "after") {
    let open = Promise.resolve();
    let letGo = () => {};
    const shut = () => {
      open = new Promise((resolve) => {
        letGo = resolve;
      });
    };
    const object = (): BreakerObject => {
      const real = stubOf(service);
      return {
        record: async (...question) => {
          if (where === "before") await open;
          const answer = await real.record(...question);
          await open;
          return answer;
        },
        askForProbe: () => real.askForProbe(),
        recordProbe: (...question) => real.recordProbe(...question),
      };
    };
    return { isolate: newIsolate(service, object), shut, letGo: () => letGo() };
  }

  test("of before a probe's success do not shut the service again", async () => {
    const { isolate, shut, letGo } = gated(newService(), "after");
    await run(isolate, "failure", failureThreshold);
    advance(openMs);
    const probe = admitted(await isolate.breaker.admit());
    shut();
    advance(500);
    refused(await isolate.breaker.admit());
    probe.report("success");
    letGo();
    await isolate.settle();
    expect(isolate.asked.slice(-2)).toEqual(["record", "recordProbe"]);
    expect(isolate.changes.map(([, to]) => to)).toEqual(["open", "half-open", "closed"]);
  });

  test("with news make what was seen before it worthless", async () => {
    const service = newService();
    const { isolate, shut, letGo } = gated(service, "before");
    await run(isolate, "success", 1);
    advance(10_000);
    shut();
    for (let n = 1; n < failureThreshold; n++) admitted(await isolate.breaker.admit()).report("failure");
    // Meanwhile all is over elsewhere: opened, probed, closed.
    const other = newIsolate(service);
    await run(other, "failure", failureThreshold);
    advance(openMs);
    await run(other, "success", 1);
    letGo();
    await isolate.settle();
    advance(10_000);
    await run(isolate, "neutral", 1);
    await run(other, "failure", 1);
    expect(other.breaker.kind()).toBe("closed");
    expect(await stubOf(service).record(undefined, undefined)).toMatchObject({ kind: "closed" });
  });
});

describe("a healthy service's object is left in peace", () => {
  test("a thousand calls wait for no answer of it, and ask one question in the background", async () => {
    const { breaker, asked, settle } = newIsolate(newService());
    for (let n = 0; n < 1_000; n++) {
      const decision = breaker.admit();
      expect(decision).not.toBeInstanceOf(Promise);
      if (!(decision instanceof Promise)) admitted(decision).report("success");
    }
    await settle();
    expect(asked).toEqual(["record"]);
  });

  test("then one in ten seconds, while there is traffic", async () => {
    const isolate = newIsolate(newService());
    for (let second = 0; second < 60; second++) {
      await run(isolate, "success", 10);
      advance(1_000);
    }
    expect(isolate.asked).toHaveLength(6);
  });

  test("while calls fail, one report is under way and the next has the rest", async () => {
    const isolate = newIsolate(newService());
    for (let n = 0; n < 10; n++) {
      admitted(await isolate.breaker.admit()).report("success");
      admitted(await isolate.breaker.admit()).report("suspect");
      admitted(await isolate.breaker.admit()).report("success");
    }
    await isolate.settle();
    expect(isolate.asked).toEqual(["record", "record"]);
  });
});

test("a request's background asks a few times and no more, however long calls go on to fail: the next goes on", async () => {
  let more = 12;
  const failAgain = async () => {
    const decisions = await Promise.all([isolate.breaker.admit(), isolate.breaker.admit(), isolate.breaker.admit()]);
    for (const [n, decision] of decisions.entries()) admitted(decision).report(n === 1 ? "suspect" : "success");
  };
  const object = objectThat(async () => {
    if (more-- > 0) await failAgain();
    return VIEW;
  });
  const isolate = newIsolate("failing", () => object);
  await failAgain();
  await isolate.settle();
  // The subrequests of a request are counted, its background's among them: 50 where nobody pays.
  expect(isolate.asked.length).toBeLessThanOrEqual(8);
  const before = isolate.asked.length;
  more = 0;
  await failAgain();
  await isolate.settle();
  expect(isolate.asked).toHaveLength(before + 1);
});

test("where no objects are bound, each isolate is on its own", async () => {
  const create = breakersOf({}, { keepAlive: () => expect.fail("nothing to keep alive"), logger: { log: () => {} } });
  const breaker = create("tasks", { options: DEFAULT_BREAKER_OPTIONS, now: Date.now, onChange: () => {} });
  for (let n = 0; n < failureThreshold; n++) admitted(await breaker.admit()).report("failure");
  refused(await breaker.admit());
});
