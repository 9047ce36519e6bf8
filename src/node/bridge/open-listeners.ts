import type { RequestListener, ServerResponse } from "node:http";
import type { Lifecycle } from "../../ports.ts";
import { showsSecret } from "./bearer-secret.ts";
import type { BridgeMetrics } from "./bridge-metrics.ts";
import { refuseSecret } from "./refusals.ts";

export interface OpenListenersOptions {
  readonly lifecycle: () => Lifecycle;
  readonly metrics: BridgeMetrics;
  readonly metricsToken: string | undefined;
}

/** What Kubernetes and Prometheus ask, who do not know the secret. The answers are the gateway's (contract.md 6). */
export function createOpenListeners(options: OpenListenersOptions): ReadonlyMap<string, RequestListener> {
  const { lifecycle, metrics, metricsToken } = options;
  return new Map<string, RequestListener>([
    ["GET /health/live", (_request, response) => answerJson(response, 200, { status: "alive" })],
    [
      "GET /health/ready",
      // It does not depend on the services: one that is dead must not take the way to the others.
      (_request, response) => {
        const reason = lifecycle();
        if (reason === "ready") answerJson(response, 200, { status: "ready" });
        else answerJson(response, 503, { status: "not ready", reason });
      },
    ],
    [
      "GET /metrics",
      (request, response) => {
        if (metricsToken !== undefined && !showsSecret(request, metricsToken)) refuseSecret(request, response);
        else response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(metrics.render());
      },
    ],
  ]);
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
