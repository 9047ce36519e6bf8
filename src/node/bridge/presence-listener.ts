import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describeError, type Logger } from "../../telemetry/logger.ts";
import { requestIdOf } from "./request-id.ts";
import { limitRequestTime } from "./request-time.ts";
import type { Slots } from "./slots.ts";

export interface PresenceListenerOptions {
  /** Absolute, without a path. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly slots: Slots;
  readonly logger: Logger;
}

/** What the gateway asks of the Presence Service. Whatever else it offers is not for the edge. */
export const PRESENCE_CALLS = ["POST /api/v1/presence", "GET /healthz"] as const;

/** A record is a hundred bytes. */
const MAX_BODY_BYTES = 65_536;
const FORWARDED = ["content-type", "x-request-id", "traceparent"];

/**
 * Passes one call on to the Presence Service. It speaks HTTP, as a Worker does; but it stands where the other services
 * stand and asks nobody who they are, so without this it would have to face the internet by itself.
 */
export function createPresenceListener(
  call: (typeof PRESENCE_CALLS)[number],
  { url, timeoutMs, slots, logger }: PresenceListenerOptions,
): RequestListener {
  const [method, path] = call.split(" ") as [string, string];

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const body = method === "POST" ? await readBounded(request) : null;
    if (body === undefined) {
      response.writeHead(413).end();
      return;
    }
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(timeoutMs)]);
    // A redirect would carry the call to whom nobody chose.
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: forwarded(request),
      body,
      redirect: "manual",
      signal,
    });
    const type = answer.headers.get("content-type");
    response.writeHead(answer.status, type === null ? {} : { "content-type": type });
    if (answer.body === null) response.end();
    else await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), response);
  }

  return (request, response) => {
    const startedAt = performance.now();
    const leave = slots.enter();
    let failure: unknown;
    response.once("close", () => {
      leave?.();
      logger.log(failure === undefined ? "info" : "warn", "presence", {
        request_id: requestIdOf(request),
        call,
        status_code: response.statusCode,
        duration_ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
        ...(failure !== undefined && { error: describeError(failure) }),
      });
    });
    if (leave === undefined) {
      request.resume();
      response.writeHead(503).end();
      return;
    }
    limitRequestTime(request, response);
    pass(request, response).catch((error: unknown) => {
      failure = error;
      if (response.headersSent || response.closed) response.destroy();
      else response.writeHead(isTimeout(error) ? 504 : 503).end();
    });
  };
}

/** Undefined: it is larger than any that we pass on. */
async function readBounded(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Not destroyed where it is too large: the answer that says so goes over the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function forwarded({ headers }: IncomingMessage): Headers {
  const kept = new Headers();
  for (const name of FORWARDED) {
    const value = headers[name];
    if (typeof value === "string") kept.set(name, value);
  }
  return kept;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
