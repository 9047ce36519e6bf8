import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { appendHeaders, type Transport } from "@connectrpc/connect";
import {
  endStreamFlag,
  endStreamFromJson,
  errorFromJsonBytes,
  requestHeader,
  trailerDemux,
  validateResponse,
} from "@connectrpc/connect/protocol-connect";
import { readWhole } from "./bounded-body.ts";
import { startDeadline } from "./call-deadline.ts";
import { createEnvelopedStream, type EnvelopedProtocol } from "./enveloped-stream.ts";
import type { Send } from "./upstream-send.ts";

/** The Connect protocol over fetch, in protobuf's bytes. Source: connectrpc.com/docs/protocol. */
export function createConnectTransport(send: Send): Transport {
  return { unary: createConnectUnary(send), stream: createEnvelopedStream(send, STREAM) };
}

const STREAM: EnvelopedProtocol = {
  requestHeaders: (header, timeoutMs) => requestHeader("server_streaming", true, timeoutMs, header, false),
  readHead({ status, headers }) {
    validateResponse("server_streaming", true, status, headers);
    return false;
  },
  endFlag: endStreamFlag,
  readEnd(data, header) {
    const { error, metadata } = endStreamFromJson(data);
    if (error === undefined) return metadata;
    header.forEach((value, name) => {
      error.metadata.append(name, value);
    });
    throw error;
  },
};

/**
 * One call with one answer: a POST of bytes, and bytes back. Connect's own client does the same through interceptors,
 * three sets of headers and two Responses, since what it reads must be bounded before: with it
 * `GET /api/v1/tasks/{task_id}` took a quarter to a third more of workerd's CPU (440 µs, with this 335, two cores,
 * stand-in).
 */
function createConnectUnary(send: Send): Transport["unary"] {
  return async (method, signal, timeoutMs, header, input) => {
    const deadline = startDeadline(signal, timeoutMs);
    try {
      const headers = requestHeader("unary", true, deadline.timeoutMs, header, false);
      const request = toBinary(method.input, create(method.input, input));
      const answer = await send(method, headers, request, deadline.signal);
      const bytes = await readWhole(answer);
      const { unaryError } = validateResponse("unary", true, answer.status, answer.headers);
      if (unaryError !== undefined) {
        // What the service says beside its error, as headers or as trailers: how soon it wants to be called again.
        const metadata = appendHeaders(...trailerDemux(answer.headers));
        // Throws `unaryError`, not what is wrong with the JSON.
        throw errorFromJsonBytes(bytes, metadata, unaryError);
      }
      const message = fromBinary(method.output, bytes);
      return {
        stream: false,
        service: method.parent,
        method,
        header: answer.headers,
        message,
        trailer: new Headers(),
      };
    } catch (error) {
      throw deadline.errorOf(error);
    } finally {
      deadline.end();
    }
  };
}
