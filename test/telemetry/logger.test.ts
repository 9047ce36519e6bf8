import { describe, expect, test } from "vitest";
import { createLogger, describeError, describeTrouble, type LogFields, type LogLevel } from "#src/telemetry/logger.ts";

const NOW_MS = Date.UTC(2030, 0, 2, 3, 4, 5, 678);

function linesOf(least: LogLevel, log: (logger: ReturnType<typeof createLogger>) => void): string[] {
  const lines: string[] = [];
  log(createLogger({ level: least, write: (line) => lines.push(line), now: () => NOW_MS }));
  return lines;
}

/** The one line that these fields make, parsed. */
function lineOf(fields?: LogFields): Record<string, unknown> {
  const lines = linesOf("debug", (logger) => logger.log("info", "a message", fields));
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!);
}

const OWN = { timestamp: "2030-01-02T03:04:05.678Z", level: "info", service: "gateway", message: "a message" };

describe("a line", () => {
  test("is one JSON object with the time, the level, the service and the message, in this order", () => {
    const [line] = linesOf("info", (logger) => logger.log("warn", "a message", { request_id: "r-1" }));
    expect(line).toBe(
      '{"timestamp":"2030-01-02T03:04:05.678Z","level":"warn","service":"gateway","message":"a message","request_id":"r-1"}',
    );
  });

  test("stays one line, whatever is in it", () => {
    const [line] = linesOf("info", (logger) => logger.log("info", "two\nlines\r", { "a\nkey": "a\u2028value\n" }));
    expect(line).not.toMatch(/[\n\r]/);
    expect(JSON.parse(line!)).toMatchObject({ message: "two\nlines\r", "a\nkey": "a\u2028value\n" });
  });

  test("is the same without fields", () => {
    expect(lineOf()).toEqual(OWN);
  });

  test("leaves undefined fields out", () => {
    expect(lineOf({ user_id: undefined, a: 1 })).toEqual({ ...OWN, a: 1 });
  });

  test("keeps its own fields when others have their names: a line must not lie about its level", () => {
    const fields = { level: "debug", service: "other", timestamp: "never", message: "other" };
    expect(lineOf(fields)).toEqual(OWN);
  });

  const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
  test.each(LEVELS)("is written from level %s on", (least) => {
    const lines = linesOf(least, (logger) => {
      for (const level of LEVELS) logger.log(level, "x");
    });
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(LEVELS.slice(LEVELS.indexOf(least)));
  });
});

const circular: Record<string, unknown> = { name: "a ring" };
circular.self = circular;

const throwing = {
  get field(): never {
    throw new Error("no");
  },
};

describe("logging never throws: a request must not fail because of its log line", () => {
  test.each([
    ["a BigInt, which JSON has no word for", { id: 12345678901234567890n }, { id: "12345678901234567890" }],
    ["a BigInt further down", { a: [{ b: 1n }] }, { a: [{ b: "1" }] }],
    ["NaN and the infinities", { a: Number.NaN, b: Number.POSITIVE_INFINITY }, { a: null, b: null }],
    ["a function and a symbol", { a: () => 1, b: Symbol("b"), c: 1 }, { c: 1 }],
    ["a date", { at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
    ["a text with half a character", { a: "\ud800" }, { a: "\ud800" }],
  ])("%s", (_because, fields, expected) => {
    expect(lineOf(fields)).toEqual({ ...OWN, ...expected });
  });

  test.each([
    ["an object that holds itself", { a: circular }],
    ["a getter that throws", throwing],
    ["a toJSON that throws", { a: { toJSON: () => throwing.field } }],
    ["a date that is none", { a: { toJSON: () => new Date(Number.NaN).toISOString() } }],
    ["deeper than the stack", { a: nested(20_000) }],
  ])("%s: the line is there, and says that its fields are not", (_because, fields) => {
    expect(lineOf({ request_id: "r-1", fields })).toEqual({ ...OWN, request_id: "r-1", unwritable: "fields" });
  });

  test("a line whose fields cannot be written keeps those that can", () => {
    const fields = Object.defineProperty({ status_code: 200, a: circular, b: 1n }, "c", {
      enumerable: true,
      get: () => throwing.field,
    });
    expect(lineOf(fields)).toEqual({ ...OWN, status_code: 200, b: "1", unwritable: "a, c" });
  });
});

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let index = 0; index < depth; index++) value = [value];
  return value;
}

describe("an error, for the log", () => {
  test("has its name, its text and where it was thrown", () => {
    const described = describeError(new TypeError("it broke")) as { stack: string[] };
    expect(described).toMatchObject({ name: "TypeError", message: "it broke" });
    expect(described.stack[0]).toMatch(/^at /);
    expect(described.stack.length).toBeLessThanOrEqual(8);
  });

  test("has its causes", () => {
    const error = new Error("outer", { cause: new Error("inner", { cause: "a text" }) });
    expect(describeError(error)).toMatchObject({
      message: "outer",
      cause: { message: "inner", cause: { name: "string", message: "a text" } },
    });
  });

  test("that is its own cause comes to an end", () => {
    const error = new Error("ring");
    error.cause = error;
    expect(depthOf(describeError(error))).toBe(4);
  });

  test("with a thousand causes is cut", () => {
    let error = new Error("0");
    for (let index = 1; index < 1_000; index++) error = new Error(String(index), { cause: error });
    expect(depthOf(describeError(error))).toBe(4);
  });

  test("is bounded, however long its text, its lines and its name are", () => {
    const error = new Error(Array.from({ length: 20 }, () => "x".repeat(100_000)).join("\n"));
    error.name = "N".repeat(100_000);
    expect(JSON.stringify(describeError(error)).length).toBeLessThan(5_000);
  });

  test("has no lines of its text among those of its stack", () => {
    const { stack } = describeError(new Error("first\nsecond secret\nthird")) as { stack: string[] };
    expect(stack.filter((line) => !line.startsWith("at "))).toEqual([]);
  });

  test("that is somebody else's trouble has the same words, and no stack at any depth", () => {
    const error = new Error("outer", { cause: new TypeError("inner", { cause: "a text" }) });
    expect(describeTrouble(error)).toEqual({
      name: "Error",
      message: "outer",
      cause: { name: "TypeError", message: "inner", cause: { name: "string", message: "a text" } },
    });
    expect(describeTrouble("a text")).toEqual({ name: "string", message: "a text" });
  });

  test("that is none is described by its type", () => {
    expect(describeError("a text")).toEqual({ name: "string", message: "a text" });
    expect(describeError(undefined)).toEqual({ name: "undefined", message: "undefined" });
    expect(describeError(null)).toEqual({ name: "object", message: "null" });
    expect(describeError(7n)).toEqual({ name: "bigint", message: "7" });
    expect(describeError(Symbol("s"))).toEqual({ name: "symbol", message: "Symbol(s)" });
  });

  test.each([
    ["an object without a prototype", Object.create(null)],
    ["an object that cannot be written", { toString: () => throwing.field }],
    ["an error whose text is a number", Object.assign(new Error(), { message: 7 })],
    ["an error whose text is missing", Object.assign(new Error(), { message: undefined })],
    ["an error whose stack is an object", Object.assign(new Error(), { stack: {} })],
    [
      "an error whose text cannot be read",
      Object.defineProperty(new Error(), "message", { get: () => throwing.field }),
    ],
    ["an error whose cause cannot be read", Object.defineProperty(new Error(), "cause", { get: () => throwing.field })],
  ])("%s is described somehow: anything can be thrown", (_because, thrown) => {
    expect(JSON.parse(JSON.stringify(describeError(thrown)))).toMatchObject({ name: expect.any(String) });
  });
});

function depthOf(described: unknown): number {
  const { cause } = described as { cause?: unknown };
  return cause === undefined ? 1 : 1 + depthOf(cause);
}
