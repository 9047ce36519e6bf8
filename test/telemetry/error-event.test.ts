import { describe, expect, test } from "vitest";
import { describeChain, type StackFrame } from "#src/telemetry/error-event.ts";

function errorWith(message: string, stack: string): Error {
  return Object.assign(new Error(message), { stack });
}

function framesOf(error: Error): readonly StackFrame[] {
  return describeChain(error)[0]?.stacktrace?.frames ?? [];
}

describe("the places of a stack", () => {
  test.each<readonly [line: string, frame: Partial<StackFrame> | undefined, why: string]>([
    [
      "at answer (file:///srv/app/src/gateway.ts:10:5)",
      { function: "answer", filename: "src/gateway.ts", lineno: 10, colno: 5, in_app: true },
      "Node, our own",
    ],
    ["at async Object.fetch (file:///srv/app/src/a.ts:1:2)", { function: "Object.fetch" }, "asynchronous"],
    ["at new Breaker (/srv/app/src/a.ts:1:2)", { function: "new Breaker", filename: "src/a.ts" }, "a constructor"],
    ["at Map.get [as find] (file:///a/src/a.ts:1:2)", { function: "Map.get" }, "under another name"],
    ["at file:///srv/app/src/a.ts:1:2", { filename: "src/a.ts", lineno: 1 }, "without a name"],
    ["at async file:///srv/app/src/a.ts:1:2", { filename: "src/a.ts", lineno: 1 }, "asynchronous, without a name"],
    ["at worker.js:300:12", { filename: "worker.js", lineno: 300, in_app: true }, "workerd: one file"],
    ["at Object.fetch (worker.js:300:12)", { function: "Object.fetch", filename: "worker.js" }, "workerd"],
    [
      "at f (file:///srv/app/node_modules/hono/dist/hono.js:1:2)",
      { filename: "node_modules/hono/dist/hono.js", in_app: false },
      "a library",
    ],
    ["at process.processTicksAndRejections (node:internal/x:1:2)", { in_app: false }, "Node itself"],
    ["at async Promise.all (index 0)", undefined, "no place"],
    ["at <anonymous>", undefined, "no place"],
    ["hunter2", undefined, "no place"],
  ])("%s", (line, frame) => {
    const frames = framesOf(errorWith("x", `Error: x\n    ${line}`));
    if (frame === undefined) expect(frames).toEqual([]);
    else expect(frames).toEqual([expect.objectContaining(frame)]);
  });

  test("end with the one that threw, as Sentry wants them", () => {
    const stack = "Error: x\n    at inner (src/a.ts:1:1)\n    at outer (src/b.ts:2:2)";
    expect(framesOf(errorWith("x", stack)).map((frame) => frame.function)).toEqual(["outer", "inner"]);
  });

  test("are none of the message's lines, which only look so", () => {
    const message = "x\n    at hunter2 (secret:1:1)";
    const stack = `Error: ${message}\n    at real (src/a.ts:1:1)`;
    expect(framesOf(errorWith(message, stack)).map((frame) => frame.function)).toEqual(["real"]);
    expect(framesOf(errorWith("another", stack)), "where the message ends nobody knows").toEqual([]);
  });

  test("are few, however deep the stack", () => {
    const stack = `Error: x${"\n    at f (src/a.ts:1:1)".repeat(10_000)}`;
    expect(framesOf(errorWith("x", stack))).toHaveLength(30);
  });
});

describe("a chain of causes", () => {
  test("has the first cause first, and the class of each", () => {
    const thrown = new TypeError("fetch failed", { cause: new RangeError("Invalid time", { cause: "a text" }) });
    const chain = describeChain(thrown).map(({ type, value }) => [type, value]);
    expect(chain).toEqual([
      ["thrown string", ""],
      ["RangeError", "Invalid time"],
      ["TypeError", "fetch failed"],
    ]);
  });

  test("that refers to itself ends", () => {
    const thrown = new Error("x");
    thrown.cause = thrown;
    expect(describeChain(thrown)).toHaveLength(4);
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a text", "hunter2"],
    ["a symbol", Symbol("hunter2")],
    ["an object without a prototype", Object.create(null)],
    [
      "what does not let itself be read",
      new Proxy(new Error("hunter2"), {
        get: () => {
          throw new Error("hunter2");
        },
      }),
    ],
    ["an error whose message is an object", Object.assign(new Error(), { message: Object.create(null) })],
    ["an error that calls itself what it likes", Object.assign(new Error(), { name: "hunter2" })],
    ["an error that calls itself like a class", Object.assign(new Error(), { name: "Hunter2" })],
    ["an error without a stack", Object.assign(new Error(), { stack: undefined })],
  ])("of %s is told without it, and without another error", (_what, thrown) => {
    const chain = describeChain(thrown);
    expect(chain).toHaveLength(1);
    expect(JSON.stringify(chain)).not.toMatch(/hunter2/i);
  });
});
