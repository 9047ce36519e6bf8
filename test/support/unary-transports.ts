import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { createGrpcUnary } from "#src/node/grpc/grpc-unary.ts";
import { outcomeOf } from "#src/upstream/call-outcome.ts";
import { failureKindOf } from "#src/upstream/failure-kind.ts";
import { toUpstreamError } from "#src/upstream/upstream-errors.ts";
import { PLENTY_MS } from "./upstream.ts";

export interface UnaryUnderTest {
  readonly unary: Transport["unary"];
  readonly sessions: Http2SessionManager;
}

/** Small, so that a test can send more. */
export const READ_MAX_BYTES = 1_048_576;

/** Our unary calls, over a session manager of their own. */
export function openOurs(baseUrl: string, readMaxBytes = READ_MAX_BYTES): UnaryUnderTest {
  const sessions = openSessions(baseUrl);
  return { unary: createGrpcUnary({ baseUrl, readMaxBytes, sessions }), sessions };
}

/** Connect's, which take no compressed answer either: the oracle. */
export function openConnects(baseUrl: string, readMaxBytes = READ_MAX_BYTES): UnaryUnderTest {
  const sessions = openSessions(baseUrl);
  const options = { baseUrl, readMaxBytes, sessionManager: sessions, acceptCompression: [] };
  return { unary: createGrpcTransport(options).unary, sessions };
}

function openSessions(baseUrl: string): Http2SessionManager {
  const sessions = new Http2SessionManager(baseUrl, { pingIntervalMs: 30_000, pingTimeoutMs: 5_000 });
  onTestFinished(() => sessions.abort());
  return sessions;
}

export const getUser = UserService.method.getUser;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  readonly header?: HeadersInit;
  readonly input?: MessageInitShape<typeof getUser.input>;
}

/** A call of GetUser. */
export function call(
  { unary }: UnaryUnderTest,
  options: CallOptions = {},
): ReturnType<typeof unary<typeof getUser.input, typeof getUser.output>> {
  const { signal, timeoutMs = PLENTY_MS, header = { "x-request-id": "req-1" }, input = { userId: "usr_a" } } = options;
  return unary(getUser, signal, timeoutMs, header, input);
}

/** All that a caller, the retries, the breaker and our client can tell of how a call ended. */
export async function outcomeOfCall(under: UnaryUnderTest, options: CallOptions = {}): Promise<object> {
  const signal = options.signal ?? new AbortController().signal;
  try {
    const { message, header, trailer } = await call(under, { ...options, signal });
    return { message: toJson(getUser.output, message), header: lines(header), trailer: lines(trailer) };
  } catch (thrown) {
    if (!(thrown instanceof ConnectError)) throw thrown;
    const forClient = toUpstreamError(thrown, { service: "users", signal, settings: { checksCredentials: false } });
    return {
      code: thrown.code,
      text: thrown.rawMessage,
      isWireError: thrown.isWireError,
      details: thrown.details,
      metadata: lines(thrown.metadata),
      kind: failureKindOf(thrown),
      forClient: forClient.errorCode,
      forBreaker: outcomeOf(forClient, true),
    };
  }
}

/** The server's clock apart. */
function lines(headers: Headers): string[] {
  return [...headers].filter(([name]) => name !== "date").map(([name, value]) => `${name}: ${value}`);
}
