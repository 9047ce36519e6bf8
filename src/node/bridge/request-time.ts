import type { IncomingMessage, ServerResponse } from "node:http";
import { HTTP1_LIMITS } from "../net/http-limits.ts";

/** Cuts a request that has not arrived in time. Node by itself does so over HTTP/1.1 only. */
export function limitRequestTime(request: IncomingMessage, response: ServerResponse): void {
  const timer = setTimeout(() => response.destroy(), HTTP1_LIMITS.requestTimeout);
  const stop = () => clearTimeout(timer);
  request.once("end", stop);
  response.once("close", stop);
}
