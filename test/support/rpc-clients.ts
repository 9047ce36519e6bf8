import type { DescMessage, DescMethodUnary, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { expect } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "#gen/gateway/v1/users_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ERROR_CODES, type ErrorCode } from "#src/errors.ts";

/** Every rpc of the public API; all of them have one answer. */
export const PUBLIC_RPCS = [AuthService, UsersService, TasksService, MatchingService].flatMap(
  ({ methods }) => methods as DescMethodUnary[],
);

/** `TasksService.GetTask` */
export const shortName = (rpc: DescMethodUnary): string => `${rpc.parent.name}.${rpc.name}`;
export const pathOf = (rpc: DescMethodUnary): string => `/${rpc.parent.typeName}/${rpc.name}`;

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
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape and assert what they find.
  readonly message: any;
  readonly header: Headers;
}

/** One call of any rpc, through a client's transport. */
export async function invoke(
  transport: Transport,
  rpc: DescMethodUnary,
  request: object = {},
  { token, headers, timeoutMs }: RpcCallOptions = {},
): Promise<RpcAnswer> {
  const header = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers };
  const init = request as MessageInitShape<DescMessage>;
  const { message, header: answered } = await transport.unary(rpc, undefined, timeoutMs, header, init);
  return { message: message as Message, header: answered };
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
