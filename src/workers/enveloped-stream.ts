import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { readEnvelopes } from "./bounded-body.ts";
import { startDeadline } from "./call-deadline.ts";
import type { Send } from "./upstream-send.ts";

/** What Connect and gRPC-Web say differently about an answer in envelopes. */
export interface EnvelopedProtocol {
  /** The request's headers with the protocol's own among them. */
  requestHeaders(header: HeadersInit | undefined, timeoutMs: number | undefined): Headers;
  /** Throws what the answer's head says is wrong; else tells whether the head is the end, too. */
  readHead(answer: Response): boolean;
  /** The flag of the envelope that is the end. */
  readonly endFlag: number;
  /** Throws the error that the end tells; else answers its trailers. */
  readEnd(data: Uint8Array, header: Headers): Headers;
}

/**
 * Calls with one message and any number of answers, over fetch. Connect's own client for browsers does the same, but
 * bounds nothing, asks for a redirect mode that workerd does not know, and brings JSON, GET and interceptors, which are
 * 3 KiB of the bundle: half of what it did had to be undone around it.
 */
export function createEnvelopedStream(
  send: Send,
  { requestHeaders, readHead, endFlag, readEnd }: EnvelopedProtocol,
): Transport["stream"] {
  return async (method, signal, timeoutMs, header, input) => {
    const deadline = startDeadline(signal, timeoutMs);
    const trailer = new Headers();

    async function* messages({ body, headers }: Response, endsWithHead: boolean) {
      try {
        let ended = endsWithHead;
        for await (const { flags, data } of readEnvelopes(body)) {
          if (ended) throw new ConnectError("there is more after the end", Code.Internal);
          if (flags === endFlag) {
            readEnd(data, headers).forEach((value, name) => {
              trailer.append(name, value);
            });
            ended = true;
            continue;
          }
          if (flags !== 0) throw new ConnectError("nobody has asked for compressed answers", Code.Internal);
          yield fromBinary(method.output, data);
        }
        if (!ended) throw new ConnectError("the answer has no end", Code.Unknown);
      } catch (error) {
        throw deadline.errorOf(error);
      } finally {
        deadline.end();
      }
    }

    try {
      if (method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming") {
        throw new ConnectError("fetch takes one message", Code.Unimplemented);
      }
      const headers = requestHeaders(header, deadline.timeoutMs);
      const { value } = await input[Symbol.asyncIterator]().next();
      const request = encodeEnvelope(0, toBinary(method.input, create(method.input, value)));
      const answer = await send(method, headers, request, deadline.signal);
      let endsWithHead: boolean;
      try {
        endsWithHead = readHead(answer);
      } catch (error) {
        // What nobody reads would hold one of the few connections that a Worker's request may have.
        await answer.body?.cancel().catch(() => {});
        throw error;
      }
      const message = messages(answer, endsWithHead);
      return { stream: true, service: method.parent, method, header: answer.headers, message, trailer };
    } catch (error) {
      deadline.end();
      throw deadline.errorOf(error);
    }
  };
}
