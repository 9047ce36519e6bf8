import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import { RedisError, StoreUnavailable } from "#src/store/redis.ts";
import { createUpstashRedis } from "#src/store/upstash-redis.ts";
import { everythingIn } from "../support/everything-in.ts";

const TOKEN = "AX-canary-token";

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An HTTP server in Upstash's place that answers as a test says. */
async function setUp(answer: (response: ServerResponse, asked: Asked) => void, timeoutMs = 10_000) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() };
      asked.push(one);
      answer(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, url, redis: createUpstashRedis({ url, token: TOKEN, fetch, timeoutMs }) };
}

function json(response: ServerResponse, body: unknown, headers = {}): void {
  response.writeHead(200, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

test("commands travel as one POST, with the token in its header alone", async () => {
  const { redis, asked } = await setUp((response) => json(response, [{ result: "OK" }, { result: 2 }]));
  expect(
    await redis.run([
      ["SET", "k", "v", "PX", 5],
      ["INCR", "n"],
    ]),
  ).toEqual(["OK", 2]);
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({ method: "POST", url: "/pipeline", body: '[["SET","k","v","PX",5],["INCR","n"]]' });
  expect(asked[0]?.headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, "upstash-encoding": "base64" });
});

test("replies keep their kinds, and text stays text", async () => {
  const { redis } = await setUp((response) =>
    json(response, [
      { result: null },
      { result: -3 },
      { result: base64("123") },
      { result: base64('{"a":1}') },
      { result: base64("OK") },
      { result: base64("Zoë\r\n\0✓") },
      { result: "" },
      { result: [base64("a"), null, [base64("b"), 7], []] },
    ]),
  );
  const replies = await redis.run(Array.from({ length: 8 }, () => ["GET", "k"] as const));
  expect(replies).toEqual([null, -3, "123", '{"a":1}', "OK", "Zoë\r\n\0✓", "", ["a", null, ["b", 7], []]]);
});

test("a command that Redis refused is an error in its place, and the others have their replies", async () => {
  const { redis } = await setUp((response) =>
    json(response, [{ result: 1 }, { error: "WRONGTYPE Operation against a key" }, { result: "OK" }]),
  );
  const replies = await redis.run([
    ["INCR", "a"],
    ["INCR", "b"],
    ["SET", "c", 1],
  ]);
  expect(replies).toEqual([1, expect.any(RedisError), "OK"]);
});

test("a global database is asked for our own writes: its sync token goes back to it", async () => {
  let count = 0;
  const { redis, asked } = await setUp((response) => {
    count += 1;
    json(response, [{ result: "OK" }], { "Upstash-Sync-Token": `t${count}` });
  });
  for (let call = 0; call < 3; call += 1) await redis.run([["SET", "k", "v"]]);
  expect(asked.map(({ headers }) => headers["upstash-sync-token"])).toEqual([undefined, "t1", "t2"]);
});

describe("what is no answer is StoreUnavailable, at the first attempt, and shows neither token nor command (R-14)", () => {
  const long = "x".repeat(65_536);
  test.each<[what: string, answer: (response: ServerResponse) => void]>([
    ["HTML with 502", (response) => response.writeHead(502, { "Content-Type": "text/html" }).end("<html>502</html>")],
    ["HTML with 200", (response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<html>hi</html>")],
    ["401", (response) => response.writeHead(401).end(JSON.stringify({ error: `Unauthorized ${TOKEN}` }))],
    ["400 with the command", (response) => response.writeHead(400).end('{"error":"ERR GET canary-key"}')],
    ["429", (response) => response.writeHead(429).end()],
    ["204", (response) => response.writeHead(204).end()],
    ["a redirect", (response) => response.writeHead(307, { Location: "/elsewhere" }).end()],
    ["truncated JSON", (response) => response.writeHead(200).end('[{"result":"dmFs')],
    [
      "an answer that is cut off",
      (response) => {
        response.writeHead(200, { "Content-Length": "100" });
        response.write('[{"result"');
        setImmediate(() => response.destroy());
      },
    ],
    ["a connection that is cut", (response) => response.destroy()],
    ["nothing", (response) => response.writeHead(200).end()],
    ["JSON that is no list", (response) => json(response, { result: "OK" })],
    ["a reply too few", (response) => json(response, [])],
    ["a reply too many", (response) => json(response, [{ result: 1 }, { result: 2 }])],
    ["null in a reply's place", (response) => json(response, [null])],
    ["text in a reply's place", (response) => json(response, ["OK"])],
    ["an item that is neither result nor error", (response) => json(response, [{ value: 1 }])],
    ["a result of another kind", (response) => json(response, [{ result: { canary: true } }])],
    ["a result of another kind, further in", (response) => json(response, [{ result: [[true]] }])],
    ["text that is not base64", (response) => json(response, [{ result: "canary-key!" }])],
    ["READONLY", (response) => json(response, [{ error: "READONLY You can't write against a read only replica." }])],
    ["LOADING", (response) => json(response, [{ error: "LOADING Redis is loading the dataset in memory" }])],
    [
      "READONLY out of a script",
      (response) =>
        json(response, [{ error: "ERR Error running script (call to f_1): @user_script:1: -READONLY You" }]),
    ],
    [
      "an answer without an end",
      (response) => {
        response.writeHead(200);
        const more = () => {
          while (!response.destroyed && response.write(long));
        };
        response.on("drain", more);
        more();
      },
    ],
  ])("%s", async (_what, answer) => {
    const { redis, asked } = await setUp(answer);
    const error = await redis.run([["GET", "canary-key"]]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(everythingIn(error)).not.toMatch(/canary/);
    expect(asked).toHaveLength(1);
  });

  test("nobody listens", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const redis = createUpstashRedis({ url, token: TOKEN, fetch, timeoutMs: 10_000 });
    await expect(redis.run([["PING"]])).rejects.toThrow(StoreUnavailable);
  });
});

describe("the limit is kept (R-12)", () => {
  test.each<[what: string, answer: (response: ServerResponse) => void]>([
    ["before the head", () => {}],
    ["in the body", (response) => void response.writeHead(200).write("[")],
  ])("where the answer hangs %s", async (_what, answer) => {
    const { redis } = await setUp(answer, 30);
    await expect(redis.run([["PING"]])).rejects.toMatchObject({ reason: "no answer within 30 ms" });
  });
});
