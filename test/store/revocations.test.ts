import { describe, expect, test } from "vitest";
import { RedisError, type RedisReply, StoreUnavailable } from "#src/store/redis.ts";
import { readRevocation, revocationCommand, revokedSessionKey, revokedTokenKey } from "#src/store/revocations.ts";

const NOW_MS = 1_800_000_000_000;

describe("the question", () => {
  test("names the token and its session in one command", () => {
    const command = revocationCommand({ tokenId: "t-1", sessionId: "s-1" });
    expect(command).toEqual(["MGET", revokedTokenKey("t-1"), revokedSessionKey("s-1")]);
  });

  test("names the token alone where it has no session", () => {
    expect(revocationCommand({ tokenId: "t-1", sessionId: undefined })).toEqual(["MGET", revokedTokenKey("t-1")]);
  });
});

describe("the reply", () => {
  const later = String(NOW_MS + 1);
  test.each<[what: string, reply: RedisReply, revoked: boolean]>([
    ["nothing at all", [null, null], false],
    ["a token's revocation", [later, null], true],
    ["a session's revocation", [null, later], true],
    ["a revocation whose end is now", [String(NOW_MS), null], false],
    ["one that is over beside one in force", ["1", later], true],
    ["a token without a session", [null], false],
  ])("%s", (_what, reply, revoked) => {
    expect(readRevocation(reply, NOW_MS)).toBe(revoked);
  });

  test.each<[what: string, reply: RedisReply | undefined]>([
    ["an error of Redis", new RedisError("LOADING Redis is loading the dataset in memory")],
    ["none", undefined],
    ["no list", "OK"],
    ["null", null],
    ["an empty list", []],
    ["a text that is no time", ["soon"]],
    ["a bad value beside a good one", [later, "soon"]],
    ["a list in the list", [[later]]],
    ["an error in the list", [new RedisError("WRONGTYPE")]],
  ])('%s is no answer, and never "not revoked"', (_what, reply) => {
    expect(() => readRevocation(reply, NOW_MS)).toThrow(StoreUnavailable);
  });

  test("an error's text goes no further than its code: it may repeat keys and values", () => {
    const reply = new RedisError("WRONGTYPE Operation against devmatch:secret");
    expect(catchError(() => readRevocation(reply, NOW_MS))).toMatchObject({
      reason: "Redis refused a command: WRONGTYPE",
    });
  });
});

function catchError(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
