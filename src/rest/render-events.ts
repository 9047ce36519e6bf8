import { getOption, type Message } from "@bufbuild/protobuf";
import { SILENT_HEAD_MS, settledWithin } from "../contract/stream-life.ts";
import { field as fieldRules } from "../gen/policy/v1/policy_pb.ts";
import type { HttpBinding } from "./http-binding.ts";
import { type MessageEncoder, streamMessages } from "./message-stream.ts";
import type { StreamOptions } from "./render-stream.ts";
import { compileResponseBody } from "./response-body.ts";
import { headersWith } from "./response-headers.ts";

/** Nginx, and what imitates it, would collect a live answer, and a cache would keep what was true for a moment. */
const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };
/** When a client that has lost its stream comes again, somewhere between: all of an instance's clients lose theirs at once. */
const RETRY_MS = { least: 1_000, most: 3_000 };

/**
 * Compiles the answers of an rpc whose policy has `events`: server-sent events (the HTML standard, section 9.2), whatever
 * Accept says. Each has the `id` that a client comes back with, the answer begins although nothing happens yet, and a
 * comment now and then shows that somebody is still there: to the client, to every proxy between, and to us, who would
 * not notice otherwise that the client has gone.
 */
export function compileEventRenderer(binding: HttpBinding) {
  const { rpc, policy } = binding;
  const body = compileResponseBody(binding);
  if (body.kind === "raw") throw new Error(`${rpc} has events, which are JSON, and answers bytes`);
  const idField = rpc.output.fields.find(({ name }) => name === policy.events?.idField)!.localName;
  const afterField = rpc.input.fields.find(({ name }) => name === policy.events?.afterField)!;
  const longestId = Number(getOption(afterField, fieldRules).maxLen ?? Number.POSITIVE_INFINITY);
  const idLine = (message: Message): string => {
    const id = (message as unknown as Record<string, string>)[idField]!;
    return id.length <= longestId && FIT_ID.test(id) ? `id: ${id}\n` : "";
  };
  const encoder: MessageEncoder<Message> = {
    next: (message) => utf8.encode(`${idLine(message)}data: ${body.write(message)}\n\n`),
    end: () => NOTHING,
    failure: (problem) => utf8.encode(`event: error\ndata: ${JSON.stringify(problem)}\n\n`),
    heartbeat: utf8.encode(":\n\n"),
  };

  return async (messages: AsyncIterable<Message>, options: StreamOptions): Promise<Response> => {
    const iterator = messages[Symbol.asyncIterator]();
    const asked = iterator.next();
    // It is read, or its failure told, when the body is.
    asked.catch(() => {});
    await settledWithin(SILENT_HEAD_MS, asked);
    const retryMs = Math.round(RETRY_MS.least + Math.random() * (RETRY_MS.most - RETRY_MS.least));
    const content = streamMessages({ iterator, asked }, utf8.encode(`retry: ${retryMs}\n\n`), encoder, options);
    const headers = headersWith(HEADERS, options.responseHeader);
    return new Response(content as BodyInit, { status: policy.successStatus, headers });
  };
}

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array();

/**
 * Printable ASCII without spaces around it. A line break would begin a line of its own, and a NUL makes clients ignore the
 * id (the standard's section 9.2.6). Anything else would not come back in Last-Event-ID as it went. Without an id a client
 * comes back with an earlier one, and hears something twice; with one that is refused it would not come a third time.
 */
const FIT_ID = /^[!-~](?:[ -~]*[!-~])?$/;
