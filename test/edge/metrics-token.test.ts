import { describe, expect, test } from "vitest";
import { demandMetricsToken } from "#src/edge/metrics-token.ts";
import { refusalOf } from "./refusal.ts";

const TOKEN = "a-token-for-scrapes";

test("without a configured token anyone may read the metrics", () => {
  demandMetricsToken(new Headers(), undefined);
  demandMetricsToken(new Headers({ Authorization: "Bearer whatever" }), undefined);
});

describe("with a configured token", () => {
  test.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`])("%j may", (authorization) => {
    demandMetricsToken(new Headers({ Authorization: authorization }), TOKEN);
  });

  test.each([
    [`Bearer ${TOKEN}x`, "something behind it"],
    [`Bearer ${TOKEN.slice(0, -1)}`, "a part of it"],
    [`Bearer ${TOKEN.toUpperCase()}`, "another letter case"],
    [`Bearer ${TOKEN}${TOKEN}`, "twice in one"],
  ])("%j may not: %s", async (authorization) => {
    const headers = new Headers({ Authorization: authorization });
    expect(await refusalOf(() => demandMetricsToken(headers, TOKEN))).toEqual({
      code: "AUTHENTICATION_FAILED",
      challenge: 'Bearer realm="devmatch", error="invalid_token"',
    });
  });

  test.each<readonly [string | undefined, string]>([
    [undefined, "none at all"],
    [TOKEN, "no scheme"],
    [`Basic ${TOKEN}`, "another scheme"],
    [`Bearer${TOKEN}`, "no space"],
    ["Bearer", "nothing behind the scheme"],
    [`Bearer ${TOKEN} x`, "two words"],
    [`Bearer ${TOKEN}, Bearer ${TOKEN}`, "two headers, joined"],
  ])("%j may not: %s", async (authorization) => {
    const headers = new Headers(authorization === undefined ? {} : { Authorization: authorization });
    expect(await refusalOf(() => demandMetricsToken(headers, TOKEN))).toEqual({
      code: "AUTHENTICATION_FAILED",
      challenge: 'Bearer realm="devmatch"',
    });
  });
});
