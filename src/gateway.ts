import type { Context } from "hono";
import { HonoBase } from "hono/hono-base";
import { TrieRouter } from "hono/router/trie-router";
import { rateLimitsFrom } from "./admission/rate-limits.ts";
import type { Config } from "./config.ts";
import { demandCaller } from "./context.ts";
import type { Implementations } from "./contract/implementations.ts";
import { createAuthenticate } from "./edge/authenticate.ts";
import { authorize } from "./edge/authorize.ts";
import { createClientAddress } from "./edge/client-address.ts";
import { createCors } from "./edge/cors.ts";
import { createExchanges } from "./edge/exchange.ts";
import { createGuards } from "./edge/guard.ts";
import { readBody } from "./edge/read-body.ts";
import { GatewayError, validationError } from "./errors.ts";
import { AuthService } from "./gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "./gen/gateway/v1/matching_pb.ts";
import { TasksService } from "./gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "./gen/gateway/v1/users_pb.ts";
import { createIdentity } from "./parts/identity.ts";
import { createOperations } from "./parts/operations.ts";
import { createStorage } from "./parts/storage.ts";
import { createTelemetry } from "./parts/telemetry.ts";
import { createUpstream } from "./parts/upstream.ts";
import type { Ports } from "./ports.ts";
import { canonicalPath } from "./rest/canonical-path.ts";
import { createEndpoint } from "./rest/endpoint.ts";
import { allowedMethods, mountRoutes } from "./rest/hono-routes.ts";
import type { HttpBinding } from "./rest/http-binding.ts";
import { httpBindings } from "./rest/http-rules.ts";
import { unmatchedRpcResponse } from "./rpc/error-response.ts";
import { createRpcEndpoints, type RpcEndpoint } from "./rpc/rpc-endpoint.ts";
import { createAuthService } from "./services/auth.ts";
import { boundStreams } from "./services/bound-streams.ts";
import { createMatchingService } from "./services/matching.ts";
import { createTasksService } from "./services/tasks.ts";
import { createUsersService } from "./services/users.ts";

/** What the start is refused with where the contract contradicts itself. */
export { ContractError } from "./rest/contract-error.ts";

/** What the runtime knows of a request beside what the request says of itself. */
export interface RequestOrigin {
  /** Of the socket's peer. Undefined where nobody knows: such requests share one limit. */
  readonly peerAddress: string | undefined;
  /** What is wrong with the request's head that a Request cannot say. */
  readonly malformed?: string | undefined;
}

export interface Gateway {
  /** Answers one request. Never rejects. */
  fetch(request: Request, origin: RequestOrigin): Response | Promise<Response>;
}

interface GatewayEnv {
  Bindings: RequestOrigin;
}

/**
 * Builds the gateway once for a process or isolate: reads the contract, refuses to start on a mistake in it, and
 * decides everything that does not depend on a request.
 */
export async function createGateway(config: Config, ports: Ports): Promise<Gateway> {
  const { now, shouldShed, keepAlive, stopping = new AbortController().signal } = ports;
  const { upstreamTimeoutMs: timeoutMs, maxBodyBytes: maxBytes } = config;
  const telemetry = createTelemetry(config, ports);
  const storage = await createStorage(config, ports, telemetry);
  const identity = await createIdentity(config, ports, telemetry);
  const upstream = createUpstream(config, ports, telemetry, storage);

  const { platform } = upstream;
  const { sessions, seen, admission } = storage;
  const { refreshLifetimeSeconds } = config;
  const services: Implementations = new Map()
    .set(AuthService, createAuthService({ ...identity, platform, sessions, refreshLifetimeSeconds, now }))
    .set(UsersService, createUsersService(platform, keepAlive))
    .set(TasksService, createTasksService(platform))
    .set(MatchingService, createMatchingService(platform));
  const implementations = boundStreams(services, { stopping, now, keepAlive });

  const { logger, metrics, errorReporter, exposition } = telemetry;
  const cors = createCors(config.corsOrigins);
  const exchanges = createExchanges({ logger, metrics, cors, now, timeoutMs, shouldShed, errorReporter });
  const guards = createGuards({
    authenticate: createAuthenticate(identity.accessTokens),
    admission,
    seen,
    limits: rateLimitsFrom(config.rateLimits),
    clientAddress: createClientAddress(config.trustedProxies),
    refreshTokens: identity.refreshTokens,
    refusals: metrics.rateLimited,
  });

  // Hono's own choice would be RegExpRouter with this one in reserve: 2 KiB more of a Worker, and half a microsecond less.
  const app = new HonoBase<GatewayEnv>({ getPath: ({ url }) => canonicalPath(url), router: new TrieRouter() });

  /** The life of a request to an rpc, in order. Each step refuses by throwing; the exchange turns that into an answer. */
  const serve = (binding: HttpBinding) => {
    const run = exchanges({ label: binding.template.source });
    const guard = guards.forRpc(binding.rpc, binding.policy);
    const endpoint = createEndpoint(binding, implementations, now);
    return ({ req, env }: Context<GatewayEnv>) =>
      run(req.raw, async (exchange) => {
        const { request, lateProblem } = exchange;
        const captured = endpoint.capture(req.path);
        const read = async () => {
          const body = endpoint.readsBody ? await readBody(request, { maxBytes, json: endpoint.readsJson }) : undefined;
          return endpoint.read({ request, captured, body });
        };
        const { peerAddress } = env;
        const message = await guard({ exchange, peerAddress, selfId: endpoint.selfId(captured), read });
        return endpoint.answer({ request, path: req.path, message, context: exchange, lateProblem });
      });
  };

  /** The same for Connect and gRPC-Web clients, whose message, and not the path, says whose thing they want. */
  const serveRpc = (endpoint: RpcEndpoint) => {
    const { rpc, path, policy, refuse } = endpoint;
    const run = exchanges({ label: path, refuse });
    const guard = guards.forRpc(rpc, { ...policy, selfField: undefined });
    return ({ req, env }: Context<GatewayEnv>) =>
      run(req.raw, async (exchange) => {
        const { request, lateProblem } = exchange;
        const demandSelf = (selfId: string | undefined) => authorize(policy, demandCaller(exchange), selfId);
        const read = async () => {
          const body = await readBody(request, { maxBytes, json: false });
          return endpoint.read({ request, body, demandSelf });
        };
        const message = await guard({ exchange, peerAddress: env.peerAddress, selfId: undefined, read });
        return endpoint.answer({ request, message, context: exchange, lateProblem });
      });
  };

  // What is not an rpc: probes, metrics. Registered first; no template of the contract overlaps them. Nor are they
  // limited: who asks for them is the balancer and Prometheus, behind one address with everybody else where a proxy is
  // not in TRUSTED_PROXIES, and a 429 would take a healthy instance out of service.
  for (const { path, answer } of createOperations(config, ports, telemetry, identity, upstream)) {
    const run = exchanges({ label: path, level: "debug", alwaysServed: true });
    app.get(path, ({ req }) => run(req.raw, async ({ request }) => answer(request)));
  }

  mountRoutes(app, httpBindings([...implementations.keys()]), serve);

  for (const endpoint of createRpcEndpoints(implementations, { now })) {
    app.on([...endpoint.methods], endpoint.path, serveRpc(endpoint));
  }

  const unmatched = exchanges({
    label: "unmatched",
    refuse: (failure, { url }) => unmatchedRpcResponse(failure, canonicalPath(url)),
  });
  app.notFound(({ req, env }) =>
    unmatched(req.raw, async (exchange) => {
      const { request } = exchange;
      const methods = allowedMethods(app, req.path);
      // Not limited: a page whose preflight is refused reads a network error, and never the 429 that would explain it.
      const preflight = cors.preflight(request, methods);
      if (preflight !== undefined) return preflight;
      await guards.countStray(exchange, env.peerAddress);
      if (methods.length === 0) throw new GatewayError("NOT_FOUND", "There is no such route.");
      const headers = { Allow: methods.join(", ") };
      if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
      throw new GatewayError("METHOD_NOT_ALLOWED", "The route does not have this method.", { headers });
    }),
  );

  const malformed = (request: Request, message: string) =>
    unmatched(request, async () => {
      throw validationError([{ field: "", message }]);
    });

  return {
    async fetch(request, origin) {
      const response = await (origin.malformed === undefined
        ? app.fetch(request, origin)
        : malformed(request, origin.malformed));
      exposition.afterRequest();
      return response;
    },
  };
}
