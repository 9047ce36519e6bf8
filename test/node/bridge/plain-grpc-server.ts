import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type protobuf from "protobufjs";
import { onTestFinished } from "vitest";
import { filled, type Plain } from "../../support/contract-values.ts";
import { CONTRACT, fullName, loadContract } from "../../support/platform-contract.ts";

/** One call, as a server that knows nothing of our .proto files saw it. */
export interface SeenCall {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly bytes: Buffer;
  readonly request: Plain;
  readonly metadata: Record<string, unknown>;
  /** When the caller said that it stops waiting, in milliseconds since the epoch. */
  readonly deadlineAtMs: number;
  cancelled: boolean;
}

/** What a method does in place of its usual answer. */
export interface Script {
  readonly unary?: (
    call: ServerUnaryCall<Buffer, Buffer>,
    answer: (error: Partial<ServiceError> | null, bytes?: Buffer) => void,
  ) => void;
  readonly stream?: (call: ServerWritableStream<Buffer, Buffer>) => void;
}

export interface PlainGrpcServer {
  readonly url: string;
  readonly root: protobuf.Root;
  /** The calls so far, the oldest first. */
  readonly seen: readonly SeenCall[];
  /** `script("GetUser", …)`: from now on the method does this. */
  script(method: string, script: Script): void;
  /** The bytes of the usual answer of a type: every field filled. */
  bytesOf(type: string): Buffer;
  stop(): void;
}

/** How many messages a stream has unless scripted. */
export const STREAM_LENGTH = 3;

export interface PlainGrpcOptions {
  readonly port?: number;
  /** Default no limit. */
  readonly maxRequestBytes?: number;
}

/** The same, until the test has finished. */
export async function startPlainGrpcServer(options: PlainGrpcOptions = {}): Promise<PlainGrpcServer> {
  const server = await runPlainGrpcServer(options);
  onTestFinished(server.stop);
  return server;
}

/**
 * All of the platform's services on @grpc/grpc-js and the hand-written tables, on one port: as plain a gRPC server as
 * the deployed ones.
 */
export async function runPlainGrpcServer({
  port = 0,
  maxRequestBytes = -1,
}: PlainGrpcOptions = {}): Promise<PlainGrpcServer> {
  const root = loadContract();
  const seen: SeenCall[] = [];
  const scripts = new Map<string, Script>();
  const server = new Server({ "grpc.max_receive_message_length": maxRequestBytes });

  const bytesOf = (name: string): Buffer => {
    const type = root.lookupType(name);
    return Buffer.from(type.encode(type.fromObject(filled(type))).finish());
  };
  for (const [packageName, { service }] of Object.entries(CONTRACT)) {
    if (service === undefined) continue;
    const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
    const handlers: Record<string, handleUnaryCall<Buffer, Buffer> | handleServerStreamingCall<Buffer, Buffer>> = {};
    for (const [name, request, response] of service.methods) {
      const path = `/${packageName}.${service.name}/${name}`;
      const streams = response.startsWith("stream ");
      const requestType = root.lookupType(fullName(request));
      const answerType = fullName(response.replace("stream ", ""));
      definition[name] = { path, requestStream: false, responseStream: streams, ...RAW };
      const note = (call: ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>) => {
        const entry: SeenCall = {
          path,
          bytes: call.request,
          request: requestType.toObject(requestType.decode(call.request), { longs: String }),
          metadata: call.metadata.getMap(),
          deadlineAtMs: Number(call.getDeadline()),
          cancelled: false,
        };
        seen.push(entry);
        call.on("cancelled", () => {
          entry.cancelled = true;
        });
      };
      const unary: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
        note(call);
        const script = scripts.get(name)?.unary;
        if (script === undefined) answer(null, bytesOf(answerType));
        else script(call, (error, bytes) => answer(error as ServiceError | null, bytes));
      };
      const stream: handleServerStreamingCall<Buffer, Buffer> = (call) => {
        note(call);
        const script = scripts.get(name)?.stream;
        if (script !== undefined) {
          script(call);
          return;
        }
        for (let n = 0; n < STREAM_LENGTH; n++) call.write(bytesOf(answerType));
        call.end();
      };
      handlers[name] = streams ? stream : unary;
    }
    server.addService(definition as ServiceDefinition, handlers as UntypedServiceImplementation);
  }

  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, chosen) =>
      error === null ? resolve(chosen) : reject(error),
    );
  });
  return {
    url: `http://127.0.0.1:${bound}`,
    root,
    seen,
    script: (method, script) => scripts.set(method, script),
    bytesOf,
    stop: () => server.forceShutdown(),
  };
}

/** Bytes as they are: what the tests look at must not have been through another library's hands. */
const RAW = {
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
};

/** A refusal as a service sends it; `details` are the bytes of a google.rpc.Status. */
export function refusal(code: status, message: string, details?: Buffer): ServiceError {
  const metadata = new Metadata();
  if (details !== undefined) metadata.set("grpc-status-details-bin", details);
  return Object.assign(new Error(message), { code, details: message, metadata });
}
