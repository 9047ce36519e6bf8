import { describe, expect, test } from "vitest";
import { type AdmissionDependencies, createAdmission, type TokenToAdmit } from "#src/admission/admission.ts";
import {
  ACQUAINTANCE_MS,
  type AdmissionAnswer,
  type AdmissionQuestion,
  type AdmissionStore,
  type RateLimit,
} from "#src/admission/admission-store.ts";
import { MemoryAdmissionStore } from "#src/admission/memory-admission-store.ts";
import { SeenRevocations } from "#src/admission/seen-revocations.ts";
import { MemorySessionStore } from "#src/identity/memory-session-store.ts";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import { createLogger } from "#src/telemetry/logger.ts";
import { parsePrometheusText } from "../telemetry/prometheus-text.ts";

const LIMIT: RateLimit = { name: "user", quota: 10, windowMs: 60_000 };
const START_MS = Date.UTC(2030, 0, 2, 3, 4);

const NOTHING = { standings: undefined, revoked: undefined, acquainted: undefined };

/** An admission whose store a test can take away. */
function setUp() {
  let nowMs = START_MS;
  let broken = false;
  let missing: Partial<AdmissionAnswer> = {};
  const now = () => nowMs;
  const lines: Record<string, unknown>[] = [];
  const metrics = createGatewayMetrics();
  const sessions = new MemorySessionStore({ now, accessLifetimeSeconds: 86_400 });
  const seen = new SeenRevocations({ now, revokedForMs: 86_400_000 });
  const whole = new MemoryAdmissionStore(now, sessions);
  const store: AdmissionStore = {
    async ask(question: AdmissionQuestion) {
      if (broken) return { ...NOTHING, trouble: new Error("no answer within 50 ms") };
      return { ...(await whole.ask(question)), ...missing };
    },
    async acquaint(acquaintance: string) {
      if (broken) throw new Error("no answer within 50 ms");
      return whole.acquaint(acquaintance);
    },
  };
  const logger = createLogger({ level: "info", write: (line) => lines.push(JSON.parse(line)), now });
  const background: Promise<void>[] = [];
  const keepAlive = (work: Promise<void>) => void background.push(work);
  const dependencies: AdmissionDependencies = { store, seen, now, metrics, logger, keepAlive };
  const { admit, acquaint } = createAdmission(dependencies);
  const chargeTimes = async (times: number, limit = LIMIT): Promise<number> => {
    let allowed = 0;
    for (let index = 0; index < times; index++) {
      const { standings } = await admit({ charges: [{ limit, subject: "me" }] });
      if (standings[0]?.allowed) allowed += 1;
    }
    return allowed;
  };
  const samples = (name: string) =>
    parsePrometheusText(metrics.render())
      .flatMap((metric) => metric.samples)
      .filter((sample) => sample.name === name)
      .map(({ labels, value }) => [labels, value]);
  return {
    admit,
    async acquaint(acquaintance: string) {
      acquaint(acquaintance);
      await Promise.all(background);
    },
    chargeTimes,
    sessions: seen.watch(sessions),
    lines,
    samples,
    take: (away: boolean) => {
      broken = away;
    },
    miss: (parts: Partial<AdmissionAnswer>) => {
      missing = { ...parts, trouble: new Error("out of memory") };
    },
    advance: (ms: number) => {
      nowMs += ms;
    },
  };
}

function tokenOf(changes: Partial<TokenToAdmit> = {}): TokenToAdmit {
  const issuedAtSeconds = START_MS / 1000;
  const expiresAtSeconds = issuedAtSeconds + 86_400;
  return {
    tokenId: "t-1",
    sessionId: "s-1",
    userId: "u-1",
    issuedAtSeconds,
    expiresAtSeconds,
    reads: false,
    ...changes,
  };
}

describe("while the store answers", () => {
  test("it decides", async () => {
    const { chargeTimes, admit, sessions, lines, samples } = setUp();
    expect(await chargeTimes(12)).toBe(10);
    expect((await admit({ charges: [], token: tokenOf() })).token).toBe("good");
    await sessions.revokeToken("t-1", START_MS / 1000 + 60);
    expect((await admit({ charges: [], token: tokenOf() })).token).toBe("revoked");
    expect(lines).toEqual([]);
    expect(samples("gateway_store_fallbacks_total")).toEqual([]);
  });
});

describe("limits without the store", () => {
  test("go on in this process, with half of the quota, and are never gone (R-11)", async () => {
    const { chargeTimes, take, samples } = setUp();
    take(true);
    expect(await chargeTimes(12)).toBe(5);
    expect(await chargeTimes(3, { ...LIMIT, name: "account", quota: 1 })).toBe(1);
    expect(samples("gateway_store_fallbacks_total")).toEqual([[{ feature: "limits" }, 15]]);
  });

  test("say what is in force", async () => {
    const { admit, take } = setUp();
    take(true);
    const { standings } = await admit({ charges: [{ limit: LIMIT, subject: "me" }] });
    expect(standings).toMatchObject([{ limit: { name: "user", quota: 5 }, allowed: true, remaining: 4 }]);
  });

  test("are forgotten when the store is back, and shared again at once (R-13)", async () => {
    const { chargeTimes, take, advance } = setUp();
    take(true);
    expect(await chargeTimes(12)).toBe(5);
    take(false);
    expect(await chargeTimes(1)).toBe(1);
    advance(2_000);
    await chargeTimes(1);
    take(true);
    expect(await chargeTimes(12)).toBe(5);
  });
});

describe("a token without the store (contract section 7)", () => {
  test("of a user whose sessions ended here since it was issued is revoked; with the store it says (R-24)", async () => {
    const { admit, sessions, take, advance } = setUp();
    advance(2_000);
    await sessions.revokeUser("u-1");
    const token = tokenOf({ reads: true });
    // An instance whose clock is behind may have issued it for the next sign-in.
    expect((await admit({ charges: [], token })).token).toBe("good");
    take(true);
    expect((await admit({ charges: [], token })).token).toBe("revoked");
    expect((await admit({ charges: [], token: { ...token, userId: "u-2" } })).token).toBe("good");
  });

  const rows: readonly (readonly [because: string, ageMs: number, reads: boolean, standing: string])[] = [
    ["a new one reads", 0, true, "good"],
    ["an old one reads", 86_000_000, true, "good"],
    ["a new one writes", 0, false, "good"],
    ["one of almost 15 minutes writes", 899_999, false, "good"],
    ["one of 15 minutes does not", 900_000, false, "unknown"],
    ["an old one does not", 86_000_000, false, "unknown"],
    ["one from an instance whose clock is ahead writes", -30_000, false, "good"],
  ];
  test.each(rows)("%s", async (_because, ageMs, reads, standing) => {
    const { admit, take, advance } = setUp();
    take(true);
    advance(ageMs);
    expect((await admit({ charges: [], token: tokenOf({ reads }) })).token).toBe(standing);
  });
});

describe("what the store does answer counts, though it does not answer all", () => {
  const old = tokenOf({ issuedAtSeconds: START_MS / 1000 - 3_600 });

  test("a full one cannot count, and still knows what has been revoked", async () => {
    const { admit, miss, sessions, samples } = setUp();
    miss({ standings: undefined });
    const ask = { charges: [{ limit: LIMIT, subject: "me" }], token: old };
    expect(await admit(ask)).toMatchObject({ standings: [{ limit: { quota: 5 } }], token: "good" });
    await sessions.revokeToken("t-1", START_MS / 1000 + 60);
    expect((await admit(ask)).token).toBe("revoked");
    expect(samples("gateway_store_fallbacks_total")).toEqual([[{ feature: "limits" }, 2]]);
  });

  test("one that cannot say what has been revoked still counts", async () => {
    const { admit, miss, samples } = setUp();
    miss({ revoked: undefined });
    const ask = { charges: [{ limit: LIMIT, subject: "me" }], token: old };
    expect(await admit(ask)).toMatchObject({ standings: [{ limit: { quota: 10 } }], token: "unknown" });
    expect(samples("gateway_store_fallbacks_total")).toEqual([[{ feature: "revocation" }, 1]]);
  });
});

describe("an acquaintance", () => {
  const ask = { charges: [], acquaintance: "somebody from here" };

  test("is remembered by the store", async () => {
    const { admit, acquaint, advance } = setUp();
    expect((await admit(ask)).acquainted).toBe(false);
    await acquaint(ask.acquaintance);
    expect((await admit(ask)).acquainted).toBe(true);
    expect((await admit({ charges: [] })).acquainted).toBe(false);
    advance(ACQUAINTANCE_MS);
    expect((await admit(ask)).acquainted).toBe(false);
  });

  test("that this process made lasts without the store, and a store that refuses it fails nothing", async () => {
    const { admit, acquaint, take } = setUp();
    take(true);
    expect((await admit(ask)).acquainted).toBe(false);
    await acquaint(ask.acquaintance);
    expect((await admit(ask)).acquainted).toBe(true);
  });
});

describe("the log", () => {
  const said = (lines: readonly Record<string, unknown>[]) => lines.map(({ level, message }) => [level, message]);
  const GONE = ["warn", "limits and revocations are decided in this process: the store gave no answer"];
  const BACK = ["info", "limits and revocations are decided by the store again"];

  test("has a line when the store becomes unusable and one when it is back, not one a request", async () => {
    const { chargeTimes, take, advance, lines } = setUp();
    take(true);
    await chargeTimes(50);
    advance(60_000);
    await chargeTimes(50);
    take(false);
    advance(60_000);
    await chargeTimes(50);
    expect(said(lines)).toEqual([GONE, BACK]);
    expect(lines[0]).toMatchObject({ error: { message: "no answer within 50 ms" } });
  });

  test("has two lines of a store that comes and goes with every request", async () => {
    const { chargeTimes, take, advance, lines } = setUp();
    for (let index = 0; index < 100; index++) {
      take(index % 2 === 0);
      advance(20);
      await chargeTimes(1);
    }
    advance(2_000);
    await chargeTimes(1);
    expect(said(lines)).toEqual([GONE, BACK]);
  });
});
