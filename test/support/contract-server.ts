import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  type status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type protobuf from "protobufjs";
import { onTestFinished } from "vitest";
import { filled, type Plain } from "./contract-values.ts";
import { CONTRACT, fullName, loadContract } from "./platform-contract.ts";

/** One call, as a server that knows nothing of our .proto files saw it. */
export interface SeenCall {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly request: Plain;
  readonly metadata: Record<string, unknown>;
  /** When the caller said that it stops waiting, in milliseconds since the epoch. */
  readonly deadlineAtMs: number;
}

/** A status to answer with in place of a message. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
}

export interface ContractServer {
  readonly url: string;
  readonly root: protobuf.Root;
  /** The calls so far, the oldest first. */
  readonly seen: readonly SeenCall[];
  /** Every call from now on is refused so, until told otherwise. */
  refuse(refusal: Refusal | undefined): void;
}

/** How many messages a stream has. */
export const STREAM_LENGTH = 3;

type AnyDefinition = MethodDefinition<Plain, Plain>;

/**
 * A server for all of the platform's services made of @grpc/grpc-js and the hand-written tables. It answers each call
 * with a message that has every field filled, and stops when the test has finished.
 */
export async function startContractServer(): Promise<ContractServer> {
  const root = loadContract();
  const seen: SeenCall[] = [];
  let refusal: Refusal | undefined;
  const server = new Server();

  for (const [packageName, { service }] of Object.entries(CONTRACT)) {
    if (service === undefined) continue;
    const definition: Record<string, AnyDefinition> = {};
    const handlers: Record<string, handleUnaryCall<Plain, Plain> | handleServerStreamingCall<Plain, Plain>> = {};
    for (const [name, request, response] of service.methods) {
      const answerType = root.lookupType(fullName(response.replace("stream ", "")));
      const path = `/${packageName}.${service.name}/${name}`;
      const streams = response.startsWith("stream ");
      definition[name] = {
        path,
        requestStream: false,
        responseStream: streams,
        ...codec("request", root.lookupType(fullName(request))),
        ...codec("response", answerType),
      } as AnyDefinition;
      const note = (call: { request: Plain; metadata: Metadata; getDeadline(): unknown }) =>
        seen.push({
          path,
          request: call.request,
          metadata: call.metadata.getMap(),
          deadlineAtMs: Number(call.getDeadline()),
        });
      const stream: handleServerStreamingCall<Plain, Plain> = (call) => {
        note(call);
        if (refusal !== undefined) {
          call.emit("error", errorOf(refusal));
          return;
        }
        for (let n = 0; n < STREAM_LENGTH; n++) call.write(filled(answerType));
        call.end();
      };
      const unary: handleUnaryCall<Plain, Plain> = (call, answer) => {
        note(call);
        if (refusal !== undefined) answer(errorOf(refusal));
        else answer(null, filled(answerType));
      };
      handlers[name] = streams ? stream : unary;
    }
    server.addService(definition as ServiceDefinition, handlers as UntypedServiceImplementation);
  }

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return {
    url: `http://127.0.0.1:${port}`,
    root,
    seen,
    refuse: (next) => {
      refusal = next;
    },
  };
}

function codec(side: "request" | "response", type: protobuf.Type) {
  const serialize = (message: Plain) => Buffer.from(type.encode(type.fromObject(message)).finish());
  const deserialize = (bytes: Buffer): Plain => type.toObject(type.decode(bytes), { longs: String });
  return { [`${side}Serialize`]: serialize, [`${side}Deserialize`]: deserialize };
}

function errorOf({ code, details }: Refusal): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}
