import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One call that arrived, whole. */
export interface ToldPresence {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type PresenceAnswer = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server in the Presence Service's place. */
export interface ScriptedPresence {
  readonly url: string;
  /** What was asked so far, the oldest first. */
  readonly told: readonly ToldPresence[];
  /** From now on calls are answered so. Until then: 200, `{}`. */
  answer(next: PresenceAnswer): void;
  stop(): Promise<void>;
}

export async function startScriptedPresence(): Promise<ScriptedPresence> {
  const told: ToldPresence[] = [];
  let answer: PresenceAnswer = (_request, response) =>
    void response.writeHead(200, { "content-type": "application/json" }).end("{}");
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      told.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
    request.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    told,
    answer: (next) => {
      answer = next;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
