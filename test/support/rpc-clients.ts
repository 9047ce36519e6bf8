import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  Message,
  MessageInitShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { endStreamFlag, endStreamFromJson, errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { trailerFlag, trailerParse, validateTrailer } from "@connectrpc/connect/protocol-grpc-web";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { expect } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "#gen/gateway/v1/users_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ERROR_CODES, type ErrorCode } from "#src/errors.ts";
import { only } from "#src/upstream/only.ts";

export type PublicRpc = DescMethodUnary | DescMethodServerStreaming;

/** Every rpc of the public API. */
export const PUBLIC_RPCS = [AuthService, UsersService, TasksService, MatchingService].flatMap(
  ({ methods }) => methods as PublicRpc[],
);

/** `TasksService.GetTask` */
export const shortName = (rpc: PublicRpc): string => `${rpc.parent.name}.${rpc.name}`;
export const pathOf = (rpc: PublicRpc): string => `/${rpc.parent.typeName}/${rpc.name}`;

/** The ways in which a client of `@connectrpc/connect-web` can speak to us. */
export const TRANSPORTS: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  "Connect in JSON": (baseUrl) => createConnectTransport({ baseUrl }),
  "Connect in binary": (baseUrl) => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "Connect by GET": (baseUrl) => createConnectTransport({ baseUrl, useHttpGet: true }),
  "Connect by GET in binary": (baseUrl) => createConnectTransport({ baseUrl, useHttpGet: true, useBinaryFormat: true }),
  "gRPC-Web in binary": (baseUrl) => createGrpcWebTransport({ baseUrl }),
  "gRPC-Web in JSON": (baseUrl) => createGrpcWebTransport({ baseUrl, useBinaryFormat: false }),
};

export const TRANSPORT_NAMES = Object.keys(TRANSPORTS);

export interface RpcCallOptions {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface RpcAnswer {
  /** Of a stream, the first one. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape and assert what they find.
  readonly message: any;
  readonly header: Headers;
}

/** One call of any rpc, through a client's transport. A stream is read until its first message, and then left. */
export async function invoke(
  transport: Transport,
  rpc: PublicRpc,
  request: object = {},
  { token, headers, timeoutMs }: RpcCallOptions = {},
): Promise<RpcAnswer> {
  const header = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers };
  const init = request as MessageInitShape<DescMessage>;
  if (rpc.methodKind === "unary") {
    const { message, header: answered } = await transport.unary(rpc, undefined, timeoutMs, header, init);
    return { message: message as Message, header: answered };
  }
  const leaving = new AbortController();
  try {
    const answer = await transport.stream(rpc, leaving.signal, timeoutMs, header, only(init));
    const { done, value } = await answer.message[Symbol.asyncIterator]().next();
    if (done) expect.fail(`${shortName(rpc)} ended without a message`);
    return { message: value as Message, header: answer.header };
  } finally {
    leaving.abort();
  }
}

/** Makes a call that must fail, and answers its error. */
export async function failing(...call: Parameters<typeof invoke>): Promise<ConnectError> {
  const error = await invoke(...call).then(
    ({ message }) => expect.fail(`${shortName(call[1])} answered ${JSON.stringify(message)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

/** Holds an error to a row of contract.md section 4: the code and its details, and an id to ask about. */
export function expectError(error: ConnectError, errorCode: ErrorCode, why?: string): void {
  const seen = { code: Code[error.code], reason: reasonOf(error), message: error.rawMessage };
  const message = expect.stringMatching(/\S/);
  expect(seen, why).toEqual({ code: Code[ERROR_CODES[errorCode].connect], reason: errorCode, message });
  expect(error.metadata.get("x-request-id"), why).toMatch(/\S/);
  expect(error.metadata.get("cache-control"), why).toBe("no-store");
}

/** The `code` that REST would have answered. */
export function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason;
}

/** What is wrong with the input, in REST's words. */
export function violationsOf(error: ConnectError): { field: string; message: string }[] {
  const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  return violations.map(({ field, description }) => ({ field, message: description }));
}

/** A request to an rpc as bytes: what no client of a library would send. */
export interface RawRpc {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** What the answer tells, in whichever protocol; undefined where it tells no error. */
  readonly error: ConnectError | undefined;
}

/** Sends bytes to an rpc and reads the answer as strictly as a client does. */
export async function sendRaw(url: string, path: string, raw: RawRpc): Promise<RawAnswer> {
  const { method = "POST", token, contentType, headers, body } = raw;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(contentType !== undefined && { "content-type": contentType }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && method !== "GET" && { body: body as BodyInit }),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  const answered = response.headers.get("content-type") ?? "";
  const error = answered.startsWith("application/grpc-web")
    ? errorOfFrames(bytes, response.headers)
    : answered.startsWith("application/connect+")
      ? errorOfEndStream(bytes, response.headers)
      : response.status === 200
        ? undefined
        : plainError(text, response.headers);
  return { status: response.status, headers: response.headers, text, error };
}

/** The error in the last frame of a gRPC-Web answer. Throws where the frames are not whole or have no status. */
function errorOfFrames(bytes: Uint8Array, headers: Headers): ConnectError | undefined {
  for (const { flags, data, isLast } of framesOf(bytes)) {
    expect(isLast).toBe(flags === trailerFlag);
    if (!isLast) continue;
    try {
      validateTrailer(trailerParse(data), headers);
      return undefined;
    } catch (error) {
      return error as ConnectError;
    }
  }
  return expect.fail("there is no frame");
}

/** The error in the last frame of a stream of Connect, likewise. */
function errorOfEndStream(bytes: Uint8Array, headers: Headers): ConnectError | undefined {
  for (const { flags, data, isLast } of framesOf(bytes)) {
    expect(isLast).toBe(flags === endStreamFlag);
    if (!isLast) continue;
    const { error } = endStreamFromJson(data);
    for (const [name, value] of headers) error?.metadata.append(name, value);
    return error;
  }
  return expect.fail("there is no frame");
}

/** The envelopes that an answer is made of. Throws where the last one is cut. */
function* framesOf(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; ) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(1);
    const data = bytes.subarray(at + 5, at + 5 + length);
    expect(data.length).toBe(length);
    yield { flags: bytes[at]!, data, isLast: at + 5 + length === bytes.length };
    at += 5 + length;
  }
}

function plainError(text: string, headers: Headers): ConnectError {
  expect(headers.get("content-type")).toBe("application/json");
  const fallback = new ConnectError(`no error of Connect: ${text}`, Code.Unknown);
  return errorFromJsonBytes(new TextEncoder().encode(text), headers, fallback);
}

/** An envelope of gRPC-Web around a message. `length` is what it says of itself. */
export function envelope(data: Uint8Array, { flags = 0, length = data.length } = {}): Uint8Array {
  const bytes = new Uint8Array(5 + data.length);
  new DataView(bytes.buffer).setUint8(0, flags);
  new DataView(bytes.buffer).setUint32(1, length);
  bytes.set(data, 5);
  return bytes;
}
