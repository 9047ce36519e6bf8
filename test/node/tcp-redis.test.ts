import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "#platform/net/free-port.ts";
import { createTcpRedis, type TcpRedis } from "#src/node/tcp-redis.ts";
import { RedisError, StoreUnavailable } from "#src/store/redis.ts";
import { everythingIn } from "../support/everything-in.ts";
import { type FakeReply, startFakeRedis } from "../support/fake-redis.ts";
import { startRawServer } from "../support/raw-server.ts";
import { describeWithRedis, type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { selfSigned } from "../support/self-signed.ts";
import { untilReady } from "../support/until-ready.ts";

const PATIENT_MS = 10_000;

function open(url: string, timeoutMs = PATIENT_MS): TcpRedis {
  const redis = createTcpRedis({ url, timeoutMs });
  onTestFinished(() => redis.close());
  return redis;
}

async function openFake(answer: (command: readonly string[]) => FakeReply, timeoutMs?: number) {
  const server = await startFakeRedis(answer);
  return { server, redis: open(`redis://127.0.0.1:${server.port}`, timeoutMs) };
}

describeWithRedis("a real Redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server.stop());

  test("answers each command of a pipeline, and text stays text", async () => {
    const redis = open(server.url);
    const replies = await redis.run([
      ["SET", "text", '{"a":1}'],
      ["GET", "text"],
      ["GET", "nothing"],
      ["INCRBY", "count", 41],
      ["HSET", "hash", "a", "1", "b", "Zoë\r\n✓"],
      ["HGETALL", "hash"],
      ["MGET", "text", "nothing"],
      ["EVAL", "return {1, {'two', false}, 3}", 0],
    ]);
    const list = ["a", "1", "b", "Zoë\r\n✓"];
    expect(replies).toEqual(["OK", '{"a":1}', null, 41, 2, list, ['{"a":1}', null], [1, ["two", null], 3]]);
  });

  test("refuses a command in its place, and nothing of ioredis is passed on", async () => {
    const redis = open(server.url);
    const [set, refused, get] = await redis.run([
      ["SET", "word", "canary"],
      ["LPUSH", "word", "canary"],
      ["GET", "word"],
    ]);
    expect([set, get]).toEqual(["OK", "canary"]);
    expect(refused).toBeInstanceOf(RedisError);
    expect((refused as RedisError).message).toMatch(/^WRONGTYPE /);
    expect(JSON.stringify({ ...(refused as RedisError) })).not.toMatch(/canary/);
  });

  test("may be asked before it is connected: the call waits for the connection that is being made", async () => {
    expect(await open(server.url).run([["PING"]])).toEqual(["PONG"]);
  });

  test("answers in the database that the URL names", async () => {
    await open(`${server.url}/3`).run([["SET", "here", "3"]]);
    expect(
      await open(server.url).run([
        ["GET", "here"],
        ["SELECT", 3],
        ["GET", "here"],
      ]),
    ).toEqual([null, "OK", "3"]);
  });

  test("that was killed is StoreUnavailable, and is used again when it is back (R-13)", async () => {
    const other = await startRedisServer();
    onTestFinished(() => other.stop());
    const redis = open(other.url);
    await redis.run([["SET", "k", "v"]]);
    await other.kill();
    await expect(redis.run([["GET", "k"]])).rejects.toThrow(StoreUnavailable);
    await other.restart();
    await untilReady(redis);
    expect(await redis.run([["GET", "k"]])).toEqual([null]);
  });

  test("that stands still costs the limit and no more, and is used again when it goes on (R-12, R-13)", async () => {
    const other = await startRedisServer();
    onTestFinished(() => other.stop());
    const redis = open(other.url, 50);
    await untilReady(redis);
    other.pause();
    for (let call = 0; call < 3; call += 1) {
      await expect(redis.run([["PING"]])).rejects.toMatchObject({ reason: "no answer within 50 ms" });
    }
    other.resume();
    await untilReady(redis);
  });

  test("with a password lets in who has it, and tells nobody who has not", async () => {
    const other = await startRedisServer("--requirepass", "canary-password");
    onTestFinished(() => other.stop());
    expect(await open(`redis://:canary-password@127.0.0.1:${other.port}`).run([["PING"]])).toEqual(["PONG"]);
    for (const url of [other.url, `redis://:canary-wrong@127.0.0.1:${other.port}`]) {
      const error = await open(url)
        .run([["GET", "canary-key"]])
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreUnavailable);
      expect(everythingIn(error)).not.toMatch(/canary/);
    }
  });

  test("behind TLS is believed if its certificate is, and asked nothing if it is not", async () => {
    const certificate = selfSigned();
    let bytes = 0;
    const front = createTlsServer(certificate, (socket) => {
      const back = connect(server.port, "127.0.0.1");
      socket.on("data", (chunk) => {
        bytes += chunk.length;
      });
      for (const each of [socket, back]) each.on("error", () => {});
      socket.pipe(back).pipe(socket);
    });
    front.on("tlsClientError", () => {});
    front.listen(0, "127.0.0.1");
    await once(front, "listening");
    onTestFinished(() => void front.close());
    const url = `rediss://127.0.0.1:${(front.address() as AddressInfo).port}`;

    await expect(open(url).run([["PING"]])).rejects.toMatchObject({
      reason: "no connection: DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    expect(bytes).toBe(0);

    const trusted = getCACertificates("default");
    setDefaultCACertificates([...trusted, certificate.cert]);
    onTestFinished(() => setDefaultCACertificates(trusted));
    expect(await open(url).run([["PING"]])).toEqual(["PONG"]);
  });

  test("that is a replica refuses writes: StoreUnavailable, and the connection is made anew (R-14)", async () => {
    const other = await startRedisServer();
    onTestFinished(() => other.stop());
    const redis = open(other.url);
    const connectionId = async () => (await redis.run([["CLIENT", "ID"]]))[0];
    const before = await connectionId();
    await redis.run([["REPLICAOF", "127.0.0.1", 1]]);
    await expect(redis.run([["SET", "canary-key", "v"]])).rejects.toMatchObject({ reason: "READONLY" });
    await untilReady(redis);
    expect(await connectionId()).not.toBe(before);
  });

  test("that is full refuses the write and answers the read (R-14)", async () => {
    const other = await startRedisServer();
    onTestFinished(() => other.stop());
    const redis = open(other.url);
    await redis.run([
      ["SET", "k", "v"],
      ["CONFIG", "SET", "maxmemory", "1"],
    ]);
    const replies = await redis.run([
      ["GET", "k"],
      ["SET", "other", "v"],
    ]);
    expect(replies).toEqual(["v", expect.objectContaining({ message: expect.stringMatching(/^OOM /) })]);
  });
});

describe("a Redis that behaves badly (R-14)", () => {
  test.each([
    ["-LOADING Redis is loading the dataset in memory\r\n", "LOADING"],
    ["-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n", "MASTERDOWN"],
    ["-READONLY You can't write against a read only replica.\r\n", "READONLY"],
    ["-ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write.\r\n", "READONLY"],
    ["-NOAUTH Authentication required.\r\n", "NOAUTH"],
  ])("%j is about the server, so there is no answer", async (reply, reason) => {
    const { redis } = await openFake(() => reply);
    await expect(redis.run([["GET", "canary-key"]])).rejects.toMatchObject({ reason });
  });

  test("a reply that is lost is StoreUnavailable, and the command is not sent again (R-15)", async () => {
    const commands: string[] = [];
    const { redis, server } = await openFake(([name = ""]) => {
      commands.push(name);
      return name === "INCR" ? "cut" : "+PONG\r\n";
    });
    await expect(redis.run([["INCR", "canary-key"]])).rejects.toThrow(StoreUnavailable);
    await untilReady(redis);
    expect(server.connectionCount()).toBe(2);
    expect(commands.filter((name) => name === "INCR")).toHaveLength(1);
  });

  test("bytes that are no RESP end the connection, not the process", async () => {
    let calls = 0;
    const { redis } = await openFake(() => {
      calls += 1;
      return calls === 1 ? "<html>502</html>\r\n" : "+PONG\r\n";
    });
    await expect(redis.run([["GET", "k"]])).rejects.toThrow(StoreUnavailable);
    await untilReady(redis);
  });

  test("a connection that stays silent while it owes an answer is given up (R-12)", async () => {
    let connections = 0;
    const { redis, server } = await openFake(() => (connections === 0 ? "silence" : "+PONG\r\n"), 20);
    await expect(redis.run([["PING"]])).rejects.toThrow(StoreUnavailable);
    connections = 1;
    // Nothing is asked in between: the silence alone ends it.
    await expect.poll(() => server.connectionCount(), { timeout: 20_000 }).toBe(2);
    await untilReady(redis);
  });

  test("a command that was given up before there was a connection is never sent", async () => {
    const commands: string[] = [];
    let release: () => void = () => {};
    // Says nothing to INFO until it is released, so that the client keeps connecting.
    const server = await startRawServer((socket) => {
      socket.on("data", (chunk: Buffer) => {
        const text = chunk.toString();
        if (/info/i.test(text)) release = () => void socket.write("$20\r\nredis_version:7.0.15\r\n");
        else {
          commands.push(text);
          socket.write("+PONG\r\n");
        }
      });
    });
    const redis = open(`redis://127.0.0.1:${server.port}`, 50);
    await expect(redis.run([["INCR", "k"]])).rejects.toThrow(StoreUnavailable);
    release();
    await untilReady(redis);
    expect(commands.filter((text) => text.includes("INCR"))).toEqual([]);
  });
});

test("where nobody listens a call fails well within its limit", async () => {
  const redis = open(`redis://127.0.0.1:${await freePort()}`);
  for (let call = 0; call < 3; call += 1) {
    await expect(redis.run([["PING"]])).rejects.toMatchObject({ reason: "no connection: ECONNREFUSED" });
  }
});

test("many calls during an outage leave nothing behind that grows, and no warning of the runtime", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const redis = open(`redis://127.0.0.1:${await freePort()}`);
  const outcomes = await Promise.allSettled(Array.from({ length: 500 }, () => redis.run([["PING"]])));
  expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  expect(warnings).toEqual([]);
});
