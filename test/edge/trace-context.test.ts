import { expect, test } from "vitest";
import { newTraceparent } from "#src/edge/trace-context.ts";

test("a traceparent is that of W3C Trace Context, version 00, with ids that are not zero", () => {
  expect(newTraceparent()).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
});

test("each request has a trace of its own", () => {
  const ids = Array.from({ length: 100 }, () => newTraceparent().split("-"));
  expect(new Set(ids.map(([, trace]) => trace)).size).toBe(100);
  expect(new Set(ids.map(([, , span]) => span)).size).toBe(100);
});
