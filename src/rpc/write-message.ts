import { type DescMethod, type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { createEndStreamSerialization, endStreamFlag } from "@connectrpc/connect/protocol-connect";
import { grpcStatusOk, setTrailerStatus, trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { rpcName } from "../contract/policy.ts";
import { GatewayError } from "../errors.ts";
import type { Wire } from "./wire.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Writes an answer, without envelope. Throws UPSTREAM_ERROR where the codec cannot express it, e.g. a Timestamp in the
 * year 10000: it came from a service behind us, and so did the mistake.
 */
export function writeMessage(rpc: DescMethod, message: Message, { codec }: Wire): Bytes {
  try {
    const bytes = codec === "proto" ? toBinary(rpc.output, message) : encoder.encode(toJsonString(rpc.output, message));
    return bytes as Bytes;
  } catch (problem) {
    const cause = new Error(rpcName(rpc), { cause: problem });
    throw new GatewayError("UPSTREAM_ERROR", "A service answered with a value that cannot be expressed.", { cause });
  }
}

const encoder = new TextEncoder();

export function messageFrame(message: Bytes): Bytes {
  return encodeEnvelope(0, message) as Bytes;
}

/** The last envelope of an answer: how it ended, and what came too late for the head. */
export function endFrame({ framing }: Wire, trailer = new Headers(), error?: ConnectError): Bytes {
  if (framing === "connect-stream") {
    return encodeEnvelope(endStreamFlag, endStream.serialize({ metadata: trailer, ...(error && { error }) })) as Bytes;
  }
  const status = new Headers(trailer);
  if (error === undefined) status.set("grpc-status", grpcStatusOk);
  else setTrailerStatus(status, error);
  return encodeEnvelope(trailerFlag, trailerSerialize(status)) as Bytes;
}

const endStream = createEndStreamSerialization(undefined);
