import http from "node:http";
import { readEvents } from "./server-sent-events.ts";

/** Whoever listens to proposals as a browser does: they come again when told to, and say what they have heard. */
export interface EventListener {
  /** The ids of the events, in the order in which they came. */
  readonly heard: readonly string[];
  /** Every connection that ended without its end: what a client would see as a broken one. */
  readonly broken: readonly string[];
  /** The codes of the problems that were a stream's last word. */
  readonly problems: readonly string[];
  /** The statuses of answers that were no streams. */
  readonly refusals: readonly number[];
  stop(): Promise<void>;
}

/** Listens through a Unix socket until it is stopped. */
export function listenToEvents(socketPath: string, path: string, token: string): EventListener {
  const heard: string[] = [];
  const broken: string[] = [];
  const problems: string[] = [];
  const refusals: number[] = [];
  const stopping = new AbortController();
  let lastEventId: string | undefined;
  let retryMs = 1_000;

  const listenOnce = async () => {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "text/event-stream",
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get({ socketPath, path, headers, agent: false, signal: stopping.signal }, resolve).once("error", reject);
    });
    if (response.statusCode !== 200) {
      refusals.push(response.statusCode ?? 0);
      response.resume();
      return;
    }
    for await (const { id, event, data, retryMs: wait } of readEvents(response.setEncoding("utf8"))) {
      if (wait !== undefined) retryMs = wait;
      if (event === "error") problems.push(JSON.parse(data!).code);
      if (id !== undefined) {
        lastEventId = id;
        heard.push(id);
      }
    }
  };

  const done = (async () => {
    while (!stopping.signal.aborted) {
      await listenOnce().catch((error) => {
        if (!stopping.signal.aborted) broken.push(String(error));
      });
      // Tests wait for nobody's comfort: as soon as a client may.
      if (!stopping.signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs / 10));
    }
  })();

  return {
    heard,
    broken,
    problems,
    refusals,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
