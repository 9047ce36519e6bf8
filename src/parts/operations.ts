import type { Config } from "../config.ts";
import { demandMetricsToken } from "../edge/metrics-token.ts";
import type { Ports } from "../ports.ts";
import { createDetailedHealth, shallowHealth } from "../services/health.ts";
import type { Identity } from "./identity.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Upstream } from "./upstream.ts";

/** A path that is no rpc, and what GET answers there. */
export interface Operation {
  readonly path: string;
  readonly answer: (request: Request) => Response | Promise<Response>;
}

/** Whoever verifies our tokens learns of a new key within this time: docs/keys.md. */
const KEY_SET_MAX_AGE_SECONDS = 300;

/** What operators, balancers and other verifiers ask (contract.md section 6). */
export function createOperations(
  { metricsToken }: Config,
  { lifecycle, now }: Ports,
  { exposition }: Telemetry,
  { accessTokens }: Identity,
  { dependencies }: Upstream,
): readonly Operation[] {
  const detailedHealth = createDetailedHealth(dependencies, now);
  const keySet = JSON.stringify(accessTokens.publicKeySet);
  return [
    { path: "/health", answer: () => Response.json(shallowHealth()) },
    { path: "/health/detailed", answer: async () => Response.json(await detailedHealth()) },
    { path: "/health/live", answer: () => Response.json({ status: "alive" }) },
    {
      path: "/health/ready",
      answer() {
        const reason = lifecycle();
        if (reason === "ready") return Response.json({ status: "ready" });
        return Response.json({ status: "not ready", reason }, { status: 503 });
      },
    },
    {
      path: "/metrics",
      async answer({ headers }) {
        demandMetricsToken(headers, metricsToken);
        const contentType = "text/plain; version=0.0.4; charset=utf-8";
        return new Response(await exposition.text(), { headers: { "Content-Type": contentType } });
      },
    },
    {
      path: "/.well-known/jwks.json",
      answer() {
        const cacheControl = `public, max-age=${KEY_SET_MAX_AGE_SECONDS}`;
        const headers = { "Content-Type": "application/jwk-set+json", "Cache-Control": cacheControl };
        return new Response(keySet, { headers });
      },
    },
  ];
}
