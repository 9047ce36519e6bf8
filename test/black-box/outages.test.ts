import { describe } from "vitest";
import { OUT_SERVICES, type OutService, outageSuite } from "../suites/outage-suite.ts";
import { startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { PATIENT } from "../support/patient.ts";
import { rawAnswer } from "../support/raw-answers.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import type { RawAnswer } from "../support/scripted-service.ts";
import { UNLIMITED } from "../support/unlimited.ts";

/** The Presence Service is no gRPC service: presence-suite.ts has its own ways to fail. */
const SCRIPTED = OUT_SERVICES.filter((service) => service !== "presence");

const answerAllWith =
  (raw: RawAnswer) =>
  async ({ scripted }: ScriptedGateway, service: OutService) => {
    if (service !== "presence") scripted[service].answerRaw(raw);
  };

describe("a service that is stopped costs only its own routes", () => {
  outageSuite({
    services: OUT_SERVICES,
    // Without what is kept: reads would go on for a while (cache.test.ts).
    start: () => startGatewayUnderTest({ env: { ...UNLIMITED, ...PATIENT, CACHE_TTL: "0" } }),
    breakDown: ({ platform }, service) => platform.services[service].stop(),
    status: 503,
    code: "SERVICE_UNAVAILABLE",
    retryAfter: true,
    error: "unreachable",
  });
});

describe("a service that answers garbage costs only its own routes", () => {
  outageSuite({
    services: SCRIPTED,
    start: () => startScriptedGateway(UNLIMITED),
    breakDown: answerAllWith(rawAnswer({ headers: { "content-type": "text/html" }, body: "<h1>It works!</h1>" })),
    status: 502,
    code: "UPSTREAM_ERROR",
    retryAfter: false,
    error: "unreachable",
  });
});

describe("a service that hangs costs only its own routes", () => {
  outageSuite({
    services: SCRIPTED,
    // Short, so that nobody waits long here; and long enough for every healthy call on the slowest machine.
    start: () => startScriptedGateway({ ...UNLIMITED, UPSTREAM_TIMEOUT: "2.5" }),
    breakDown: answerAllWith(() => {}),
    status: 504,
    code: "DEADLINE_EXCEEDED",
    retryAfter: false,
    error: "timeout",
  });
});
