import { afterAll, beforeAll } from "vitest";
import { createWorkersTransport } from "#src/workers/transports.ts";
import { fetchTransportSuite } from "../suites/fetch-transport-suite.ts";
import { type FailingService, startFailingService } from "../support/failing-service.ts";

// The Worker's transport over Node's fetch: the same suite runs in workerd, over its own (test/workers).
let service: FailingService;
beforeAll(async () => {
  service = await startFailingService();
});
afterAll(() => service.stop());

fetchTransportSuite(() => ({
  url: service.url,
  transport: (protocol, url) => createWorkersTransport({ url, protocol }, { fetch, bridgeSecret: undefined }),
}));
