import http from "node:http";

/** A request that clients make again and again. */
export interface LoadRequest {
  /** As the report calls it. */
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** A function is asked for each request. */
  readonly token?: string | (() => string);
  /** Sent as JSON. */
  readonly body?: object;
}

/** What one client saw of one request. */
export interface Sighting {
  readonly name: string;
  /** What the drill was doing when the request was made. */
  readonly phase: string;
  /** Undefined where no answer came: `error` says why. */
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly latencyMs: number;
  readonly retryAfterSeconds: number | undefined;
}

export interface Load {
  /** Names what comes now; requests that are under way keep the name of their start. */
  phase(name: string): void;
  /** Makes no more requests, waits for those under way, and answers all of them. */
  stop(): Promise<readonly Sighting[]>;
}

/** Nobody waits longer. */
const PATIENCE_MS = 10_000;

/**
 * Asks gateways in turn at a constant rate, whether or not answers come: clients do not slow down because a server does.
 * A request is made once, whatever becomes of it, but for what every HTTP client does (RFC 9112, section 9.3.1): one that
 * met a kept connection just as the server let it go is sent again on another.
 */
export function startLoad(
  gateways: () => readonly string[],
  requests: readonly LoadRequest[],
  requestsPerSecond: number,
  connections = 200,
): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const sightings: Sighting[] = [];
  const underWay = new Set<Promise<void>>();
  const startedAt = performance.now();
  let phase = "start";
  let made = 0;

  const ask = (load: LoadRequest, gateway: string, again = false): Promise<void> =>
    new Promise((resolve) => {
      const { name, method, path, token, body } = load;
      const asked = { name, phase };
      const askedAt = performance.now();
      const see = (seen: Pick<Sighting, "status" | "error" | "retryAfterSeconds">) => {
        sightings.push({ ...asked, ...seen, latencyMs: performance.now() - askedAt });
        resolve();
      };
      const fail = (error: Error) => see({ status: undefined, error: error.message, retryAfterSeconds: undefined });
      const headers = {
        ...(token !== undefined && { authorization: `Bearer ${typeof token === "string" ? token : token()}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      };
      const request = http.request(
        `${gateway}${path}`,
        { agent, method, headers, timeout: PATIENCE_MS },
        (response) => {
          response.resume();
          response.once("error", fail);
          response.once("end", () => {
            const retryAfter = response.headers["retry-after"];
            see({
              status: response.statusCode,
              error: undefined,
              retryAfterSeconds: retryAfter === undefined ? undefined : Number(retryAfter),
            });
          });
        },
      );
      request.once("timeout", () => request.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
      request.once("error", (error: NodeJS.ErrnoException) => {
        if (request.reusedSocket && error.code === "ECONNRESET" && !again) resolve(ask(load, gateway, true));
        else fail(error);
      });
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });

  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * requestsPerSecond);
    for (; made < due; made++) {
      const urls = gateways();
      const asked = ask(requests[made % requests.length]!, urls[Math.floor(made / requests.length) % urls.length]!);
      underWay.add(asked);
      void asked.finally(() => underWay.delete(asked));
    }
  }, 5);

  return {
    phase(name) {
      phase = name;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
      return sightings;
    },
  };
}
