import { inject } from "vitest";
import { createWorkersTransport } from "../../src/workers/transports.ts";
import { fetchTransportSuite } from "../suites/fetch-transport-suite.ts";

fetchTransportSuite(() => ({
  url: inject("failingServiceUrl"),
  transport: (protocol, url) =>
    createWorkersTransport({ url, protocol }, { fetch: (input, init) => fetch(input, init), bridgeSecret: undefined }),
}));
