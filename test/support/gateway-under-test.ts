import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { type PlatformOptions, type RunningPlatform, startPlatform } from "#platform/platform.ts";
import { startGateway } from "#src/node/start-gateway.ts";
import { UPSTREAM_SERVICES } from "#src/upstream/services.ts";
import { runtime } from "./runtime.ts";
import { startWorker } from "./start-worker.ts";

/** A gateway on the runtime that is under test. */
export interface StartedGateway {
  /** Without a slash at its end. */
  readonly url: string;
  /** What the gateway has logged so far, a parsed object a line. */
  readonly log: readonly Record<string, unknown>[];
  /** Settles when `log` has all that was logged until now: a Worker's lines come through a pipe. */
  untilLogged(): Promise<void>;
  stop(): Promise<void>;
}

/** A gateway in front of a platform of its own, both over real sockets on ports that the system chose. */
export interface GatewayUnderTest extends StartedGateway {
  readonly platform: RunningPlatform;
}

export interface GatewayUnderTestOptions {
  /** Variables of contract.md section 5 beside the addresses and the secret. */
  readonly env?: Readonly<Record<string, string>>;
  readonly platform?: Omit<PlatformOptions, "only">;
}

const ADMIN = { email: "root@devmatch.example", password: "Adm1nistrator" };

/** Every port but 0 would collide with somebody on a shared machine. */
export const ANY_PLATFORM_PORTS = { users: 0, tasks: 0, recommendation: 0, orchestrator: 0, presence: 0 };

/** Starts a platform with cheap password hashes, and a gateway in front of it. */
export async function startGatewayUnderTest(options: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
  const platform = await startPlatformUnderTest(options.platform);
  const gateway = await startGatewayOf({ ...serviceAddresses(platform), ...options.env }).catch(async (error) => {
    await platform.stop();
    throw error;
  });
  return {
    ...gateway,
    platform,
    async stop() {
      await gateway.stop();
      await platform.stop();
    },
  };
}

/** Starts a platform with cheap password hashes, on ports that the system chose. */
export function startPlatformUnderTest(options: Omit<PlatformOptions, "only"> = {}): Promise<RunningPlatform> {
  return startPlatform({ ports: ANY_PLATFORM_PORTS, admin: ADMIN, scryptCost: 1024, log: () => {}, ...options });
}

/** Starts a gateway with these variables, on the runtime that is under test. */
export function startGatewayOf(env: Readonly<Record<string, string>>): Promise<StartedGateway> {
  const variables = { JWT_SECRET: randomBytes(32).toString("hex"), ...env };
  return runtime === "node" ? startNodeGateway(variables) : startWorkerGateway(variables);
}

async function startNodeGateway(env: Readonly<Record<string, string>>): Promise<StartedGateway> {
  const log: Record<string, unknown>[] = [];
  const { url, stop } = await startGateway({
    env: { GATEWAY_HOST: "127.0.0.1", GATEWAY_PORT: "0", SHUTDOWN_DELAY: "0", SHUTDOWN_GRACE: "5", ...env },
    // Tests, platform and gateway share one thread, and the machine has others to serve: late is no overload.
    shouldShed: () => false,
    writeLog: (line) => log.push(JSON.parse(line)),
  });
  return {
    url,
    log,
    untilLogged: async () => {},
    async stop() {
      await stop();
    },
  };
}

async function startWorkerGateway(variables: Readonly<Record<string, string>>): Promise<StartedGateway> {
  const log: Record<string, unknown>[] = [];
  const worker = await startWorker(inject("workerBundle"), {
    variables,
    writeLog: (line) => log.push(JSON.parse(line)),
  });
  return {
    url: worker.url,
    log,
    async untilLogged() {
      // The lines keep their order: when this request's has come, all before it have.
      const requestId = `until-logged-${randomBytes(8).toString("hex")}`;
      await call(worker.url, "GET /until-logged", { headers: { "x-request-id": requestId } });
      while (!log.some((line) => line.request_id === requestId)) await new Promise((resolve) => setTimeout(resolve, 1));
    },
    async stop() {
      await worker.stop();
      // Errors that nobody caught stand here, and nothing else has a reason to.
      if (worker.stderr() !== "") throw new Error(`workerd complained: ${worker.stderr()}`);
    },
  };
}

/** The variables that point a gateway at a platform. */
export function serviceAddresses({ services }: RunningPlatform): Record<string, string> {
  const rows = UPSTREAM_SERVICES.map(({ key, urlVariable }) => [urlVariable, services[key].url]);
  return { ...Object.fromEntries(rows), PRESENCE_SERVICE_URL: services.presence.url };
}

export interface CallOptions {
  readonly token?: string | undefined;
  /** Sent as JSON, unless it is text or bytes, which are sent as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON, else the text; of a stream of events, which has no end, what it begins with. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape and assert what they find.
  readonly body: any;
}

/** One call as a client makes it: `call(gateway.url, "GET /api/v1/tasks?limit=1", { token })`. */
export async function call(url: string, request: string, { token, body, headers }: CallOptions = {}): Promise<Answer> {
  const [method, path] = request.split(" ", 2) as [string, string];
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(`${url}${path}`, {
    method,
    redirect: "manual",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: (raw ? body : JSON.stringify(body)) as BodyInit }),
  });
  const isStream = response.headers.get("content-type") === "text/event-stream";
  const text = await (isStream ? beginningOf(response) : response.text());
  const json = response.headers.get("content-type")?.includes("json") && text !== "";
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

/** What stands before the first blank line. The rest is not waited for. */
async function beginningOf({ body }: Response): Promise<string> {
  let text = "";
  if (body === null) return text;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes("\n\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended with its beginning: ${text}`);
    text += value;
  }
  await reader.cancel();
  return text.slice(0, text.indexOf("\n\n") + 2);
}

/** Somebody who is signed in. */
export interface Person {
  readonly userId: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly refreshToken: string;
}

let peopleSoFar = 0;

/** Registers an account nobody has had before. */
export async function register(url: string, userType: "CLIENT" | "DEVELOPER"): Promise<Person> {
  peopleSoFar += 1;
  const email = `person-${peopleSoFar}-${randomBytes(4).toString("hex")}@devmatch.example`;
  const password = "Correct-horse-1";
  const body = { email, password, display_name: `Person ${peopleSoFar}`, user_type: userType };
  return personFrom(await call(url, "POST /api/v1/auth/register", { body }), email, password);
}

/** Signs the platform's administrator in. */
export async function signInAdmin(url: string): Promise<Person> {
  return personFrom(await call(url, "POST /api/v1/auth/login", { body: ADMIN }), ADMIN.email, ADMIN.password);
}

function personFrom({ status, body }: Answer, email: string, password: string): Person {
  if (status >= 300) throw new Error(`could not sign in: ${status} ${JSON.stringify(body)}`);
  return { userId: body.user.user_id, email, password, token: body.access_token, refreshToken: body.refresh_token };
}
