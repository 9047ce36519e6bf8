import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { createCallsInFlight } from "#src/node/net/calls-in-flight.ts";
import { createPresenceApp, type PresenceAppParts } from "./presence-app.ts";

/** The Presence Service as a server that can be put on a port. */
export function createPresenceService(parts: PresenceAppParts): { server: Server; drain(): Promise<void> } {
  const app = createPresenceApp(parts);
  // Hono would otherwise replace the process's Request and Response, which are not ours alone.
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const calls = createCallsInFlight();
  const server = createServer({ headersTimeout: 10_000 }, (request, response) => {
    calls.add(response);
    void answer(request, response);
  });
  async function drain(): Promise<void> {
    await calls.ended();
    // What was in use when the server closed, and would now be kept for the next request.
    server.closeIdleConnections();
  }
  return { server, drain };
}
