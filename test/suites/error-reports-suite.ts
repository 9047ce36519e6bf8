import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { loadConfig } from "#src/config.ts";
import { createGateway } from "#src/gateway.ts";
import { createErrorReporter, type ErrorReporterOptions } from "#src/telemetry/error-reports.ts";
import { createLogger } from "#src/telemetry/logger.ts";
import { createMemoryBreaker } from "#src/upstream/memory-breaker.ts";
import { VERSION } from "#src/version.ts";

const DSN = "https://publickey@sentry.test/42";

/** Planted wherever somebody could bring them in. */
const CANARIES = {
  token: "eyJhbGciOiJIUzI1NiJ9.canary-token.signature",
  password: "Hunter2-canary",
  body: "canary-body-text",
  query: "canaryquery",
  email: "canary@example.com",
  name: "Zebediah",
  address: "postgres://admin:canary-secret@10.0.0.7:5432/users",
  header: "canary-header",
};

type Ingest = (request: Request) => Response | Promise<Response>;

export interface ErrorReportsTarget {
  readonly runtime: ErrorReporterOptions["runtime"];
}

/** What a report of a bug is, and what it costs when nobody takes it, with the fetch of this runtime's gateway replaced. */
export function errorReportsSuite({ runtime }: ErrorReportsTarget): void {
  let nowMs: number;
  let sent: Promise<{ url: string; redirect: string; headers: Headers; body: string }>[];
  let background: Promise<void>[];
  beforeEach(() => {
    nowMs = Date.UTC(2030, 0, 2, 3, 4, 5);
    sent = [];
    background = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A gateway with a bug: `/health/ready` throws what it is told. */
  async function startGateway(
    bug: () => unknown,
    { ingest = () => new Response("{}"), env = { SENTRY_DSN: DSN } }: { ingest?: Ingest; env?: object } = {},
  ) {
    const lines: string[] = [];
    const now = () => nowMs;
    const config = loadConfig({ JWT_SECRET: "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E", ...env }, { protocol: "connect" });
    const keepAlive = (work: Promise<void>) => background.push(work);
    const nobody = createRouterTransport(() => {});
    const users = createRouterTransport(({ service }) => {
      service(UserService, {
        authenticateUser() {
          throw new ConnectError(CANARIES.address, Code.Internal);
        },
      });
    });
    const errorReporter = createErrorReporter({
      dsn: config.sentryDsn,
      environment: config.sentryEnvironment,
      runtime,
      fetch: async (input, init) => {
        const request = new Request(input, init);
        sent.push(
          request
            .clone()
            .bytes()
            .then((bytes) => {
              const { url, redirect, headers } = request;
              return { url, redirect, headers, body: new TextDecoder().decode(bytes) };
            }),
        );
        return ingest(request);
      },
      keepAlive,
      now,
      logger: createLogger({ level: "debug", write: (line) => lines.push(line), now }),
    });
    const gateway = await createGateway(config, {
      now,
      writeLog: () => {},
      transports: { users, tasks: nobody, recommendation: nobody, orchestrator: nobody },
      createBreaker: (_service, setup) => createMemoryBreaker(setup),
      fetch: async () => new Response("ok"),
      redis: undefined,
      keepAlive,
      lifecycle: () => {
        throw bug();
      },
      shouldShed: () => false,
      errorReporter,
    });
    const ask = async (request: string, init: RequestInit = {}) => {
      const [method = "", path = ""] = request.split(" ", 2);
      const sent = new Request(`http://gateway.test${path}`, { method, ...init });
      return gateway.fetch(sent, { peerAddress: undefined });
    };
    return { ask, lines };
  }

  const settled = () => Promise.all(background);
  const events = async () => {
    await settled();
    const requests = await Promise.all(sent);
    return requests.map(({ body }) => JSON.parse(body.split("\n")[2]!));
  };

  describe("a bug", () => {
    test("is reported with the request's id, its route, the release and where it was thrown", async () => {
      const { ask } = await startGateway(() => new TypeError("Cannot read properties of undefined (reading 'x')"), {
        env: { SENTRY_DSN: DSN, SENTRY_ENVIRONMENT: "staging" },
      });
      const answer = await ask("GET /health/ready", { headers: { "X-Request-Id": "mine-1" } });
      expect(answer.status).toBe(500);
      const [event] = await events();
      expect(event).toEqual({
        event_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        timestamp: "2030-01-02T03:04:05.000Z",
        platform: runtime === "node" ? "node" : "javascript",
        level: "error",
        release: `devmatch-gateway@${VERSION}`,
        environment: "staging",
        transaction: "GET /health/ready",
        tags: { runtime, request_id: "mine-1", route: "/health/ready", method: "GET" },
        exception: {
          values: [
            {
              type: "TypeError",
              value: "Cannot read properties of undefined reading …",
              stacktrace: { frames: expect.any(Array) },
              mechanism: { type: "generic", handled: true },
            },
          ],
        },
      });
      const { frames } = event.exception.values[0].stacktrace;
      expect(frames.length).toBeGreaterThan(1);
      expect(frames.at(-1).filename, "what threw stands last").toContain("error-reports");
      expect(frames.map(({ filename }: { filename: string }) => filename).join()).toContain("src/gateway.ts");
    });

    test("goes to the DSN's project as an envelope", async () => {
      const { ask } = await startGateway(() => new Error("x"), { env: { SENTRY_DSN: "https://k3y@sentry.test/at/7" } });
      await ask("GET /health/ready");
      await settled();
      const [{ url, redirect, headers, body }] = (await Promise.all(sent)) as [Awaited<(typeof sent)[0]>];
      expect(url).toBe("https://sentry.test/at/api/7/envelope/?sentry_version=7&sentry_key=k3y");
      expect(redirect, "wherever a redirect leads, the report was not meant for").toBe("manual");
      expect(headers.get("Content-Type")).toBe("application/x-sentry-envelope");
      const [head, item, event] = body.split("\n").map((line) => JSON.parse(line));
      expect(head).toEqual({ event_id: event.event_id, sent_at: "2030-01-02T03:04:05.000Z" });
      expect(item).toEqual({ type: "event" });
    });

    test("has nothing that a client sent or a service said, wherever it comes up", async () => {
      const all = Object.values(CANARIES).join(" ");
      const thrown = [
        () => new Error(all),
        () => new SyntaxError(`Unexpected token 'h', "${CANARIES.body}" is not valid JSON`),
        () => new TypeError(`Failed to parse URL from ${CANARIES.address}`, { cause: new Error(all) }),
        () => new Error(`first line\n    at ${CANARIES.name} (${CANARIES.query}:1:1)\n    at ${CANARIES.query}:2:2`),
        () =>
          Object.assign(new Error("x"), {
            name: CANARIES.name,
            message: `${all} changed\n    at ${CANARIES.name} (x:1:1)`,
          }),
        () => Object.assign(new Error("x"), { request: { headers: CANARIES }, ...CANARIES }),
        () => new ConnectError(all, Code.Internal, { "x-canary": CANARIES.header }),
        () => new AggregateError([new Error(all)], all),
        () => all,
        () => ({ ...CANARIES, message: all }),
        () => new Response(all),
        () => Symbol(CANARIES.name),
      ];
      for (const bug of thrown) {
        const { ask } = await startGateway(bug);
        nowMs += 60_000;
        const answer = await ask(`GET /health/ready?password=${CANARIES.password}&q=${CANARIES.query}`, {
          headers: {
            Authorization: `Bearer ${CANARIES.token}`,
            Cookie: `session=${CANARIES.token}`,
            Referer: `https://app.test/${CANARIES.query}`,
            "User-Agent": CANARIES.header,
            "X-Forwarded-For": CANARIES.header,
            "X-Request-Id": `${CANARIES.email} is no id`,
          },
        });
        expect(answer.status).toBe(500);
      }
      await settled();
      const requests = await Promise.all(sent);
      expect(requests).toHaveLength(thrown.length);
      for (const { url, headers, body } of requests) {
        const text = `${url} ${JSON.stringify([...headers])} ${body}`;
        for (const canary of Object.values(CANARIES)) expect(text).not.toContain(canary);
        for (const part of ["canary", "Hunter2", "Zebediah", "admin"]) expect(text).not.toContain(part);
      }
    });

    test("is what is reported, and not a refusal, and not what a service fails at", async () => {
      const { ask } = await startGateway(() => new Error("x"));
      const json = { "Content-Type": "application/json" };
      const login = { email: CANARIES.email, password: CANARIES.password };
      const answers = [
        await ask("GET /no/such/route"),
        await ask("GET /api/v1/tasks/t-1"),
        await ask("PATCH /api/v1/tasks/t-1"),
        await ask("POST /api/v1/auth/login", { headers: json, body: "{" }),
        await ask("POST /api/v1/auth/login", { headers: json, body: JSON.stringify(login) }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([404, 401, 405, 400, 502]);
      expect(await events()).toEqual([]);
    });
  });

  describe("an ingest that", () => {
    const never = () => new Promise<never>(() => {});
    const rows: readonly (readonly [kind: string, ingest: Ingest])[] = [
      ["fails", () => Promise.reject(new TypeError("fetch failed"))],
      [
        "throws",
        () => {
          throw new Error("not even a promise");
        },
      ],
      ["answers 500", () => new Response("canary", { status: 500 })],
      ["answers 429 for ever", () => new Response(null, { status: 429, headers: { "Retry-After": "99999999999" } })],
      ["redirects", () => new Response(null, { status: 307, headers: { Location: "https://elsewhere.test/" } })],
      ["breaks off", () => new Response(new ReadableStream({ start: (to) => to.error(new Error("cut")) }))],
    ];
    test.each(rows)(
      "%s costs nothing: the client's answer is the same, and nothing is left behind",
      async (_kind, ingest) => {
        const { ask } = await startGateway(() => new Error("x"), { ingest });
        const without = await startGateway(() => new Error("x"), { env: {} });
        const headers = { "X-Request-Id": "mine-1" };
        const [answer, plain] = [
          await ask("GET /health/ready", { headers }),
          await without.ask("GET /health/ready", { headers }),
        ];
        expect([answer.status, await answer.text()]).toEqual([plain.status, await plain.text()]);
        expect(background).toHaveLength(1);
        expect(await Promise.all(background)).toEqual([undefined]);
      },
    );

    test("answers without end is not listened to", async () => {
      const cancel = vi.fn();
      const ingest = () => new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1e5)), cancel }));
      const { ask } = await startGateway(() => new Error("x"), { ingest });
      await ask("GET /health/ready");
      await settled();
      expect(cancel).toHaveBeenCalledTimes(1);
    });

    test("hangs is waited for by no answer, and given up", async () => {
      const signals: AbortSignal[] = [];
      const { ask, lines } = await startGateway(() => new Error("x"), {
        ingest: ({ signal }) => {
          signals.push(signal);
          return new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
          });
        },
      });
      expect((await ask("GET /health/ready")).status).toBe(500);
      expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
      await settled();
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({ level: "warn", message: "an error report was lost" }),
      ]);
    });

    test("is slow has five reports to answer at once and no more; the next come when their time is over", async () => {
      const { ask } = await startGateway(() => new Error("x"), { ingest: never });
      for (let each = 0; each < 50; each++) expect((await ask("GET /health/ready")).status).toBe(500);
      expect(sent).toHaveLength(5);
      nowMs += 2_001;
      await ask("GET /health/ready");
      expect(sent).toHaveLength(6);
    });

    test("is well gets twenty reports in a minute and no more", async () => {
      const { ask } = await startGateway(() => new Error("x"));
      for (let each = 0; each < 50; each++) {
        await ask("GET /health/ready");
        await settled();
      }
      expect(sent).toHaveLength(20);
      nowMs += 60_000;
      await ask("GET /health/ready");
      expect(sent).toHaveLength(21);
    });
  });

  test("without a DSN nothing is sent and nothing kept alive", async () => {
    const { ask } = await startGateway(() => new Error("x"), { env: {} });
    expect((await ask("GET /health/ready")).status).toBe(500);
    expect([sent, background]).toEqual([[], []]);
  });
}
