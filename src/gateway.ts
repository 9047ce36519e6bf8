import { type Context, Hono } from "hono";
import { createAdmission } from "./admission/admission.ts";
import { MemoryAdmissionStore } from "./admission/memory-admission-store.ts";
import { rateLimitsFrom } from "./admission/rate-limits.ts";
import { SeenRevocations } from "./admission/seen-revocations.ts";
import type { Config } from "./config.ts";
import { demandCaller } from "./context.ts";
import type { Implementations } from "./contract/implementations.ts";
import { createAuthenticate } from "./edge/authenticate.ts";
import { authorize } from "./edge/authorize.ts";
import { createClientAddress } from "./edge/client-address.ts";
import { createCors } from "./edge/cors.ts";
import { createExchanges, type ExchangeRoute } from "./edge/exchange.ts";
import { createGuards } from "./edge/guard.ts";
import { demandMetricsToken } from "./edge/metrics-token.ts";
import { readBody } from "./edge/read-body.ts";
import { GatewayError, validationError } from "./errors.ts";
import { AuthService } from "./gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "./gen/gateway/v1/matching_pb.ts";
import { TasksService } from "./gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "./gen/gateway/v1/users_pb.ts";
import { createAccessTokens } from "./identity/access-token.ts";
import { MemorySessionStore } from "./identity/memory-session-store.ts";
import { createRefreshTokens } from "./identity/refresh-token.ts";
import { createRemoteKeys } from "./identity/remote-keys.ts";
import { sessionTimes } from "./identity/session-store.ts";
import type { Ports } from "./ports.ts";
import { canonicalPath } from "./rest/canonical-path.ts";
import { createEndpoint } from "./rest/endpoint.ts";
import { allowedMethods, mountRoutes } from "./rest/hono-routes.ts";
import type { HttpBinding } from "./rest/http-binding.ts";
import { httpBindings } from "./rest/http-rules.ts";
import { unmatchedRpcResponse } from "./rpc/error-response.ts";
import { createRpcEndpoints, type RpcEndpoint } from "./rpc/rpc-endpoint.ts";
import { createAuthService } from "./services/auth.ts";
import { createDetailedHealth, shallowHealth } from "./services/health.ts";
import { createMatchingService } from "./services/matching.ts";
import { createTasksService } from "./services/tasks.ts";
import { createUsersService } from "./services/users.ts";
import { guardRedis } from "./store/guarded-redis.ts";
import { createHashSubject } from "./store/hashed-subject.ts";
import { RedisAdmissionStore } from "./store/redis-admission-store.ts";
import { createRedisSessionStore } from "./store/redis-session-store.ts";
import { createRedisSharedAnswers } from "./store/redis-shared-answers.ts";
import { NO_ERROR_REPORTS } from "./telemetry/error-reports.ts";
import { createGatewayMetrics } from "./telemetry/gateway-metrics.ts";
import { createLogger, describeError } from "./telemetry/logger.ts";
import { createSharedMetrics, ownMetrics } from "./telemetry/shared-metrics.ts";
import { breakerOptionsOf } from "./upstream/breaker.ts";
import { createCallCache } from "./upstream/call-cache.ts";
import { probeGrpc } from "./upstream/health-probes.ts";
import { createPlatform } from "./upstream/platform.ts";
import { createPresenceClient } from "./upstream/presence-client.ts";
import { PRESENCE_LABEL, UPSTREAM_SERVICES } from "./upstream/services.ts";
import { createWatchedBreakers } from "./upstream/watched-breakers.ts";

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
  const { now } = ports;
  const { upstreamTimeoutMs: timeoutMs, maxBodyBytes: maxBytes } = config;
  const logger = createLogger({ level: config.logLevel, write: ports.writeLog, now });
  const metrics = createGatewayMetrics();
  const { registry } = metrics;
  const { metricsLedger: ledger, keepAlive } = ports;
  const exposition = ledger ? createSharedMetrics({ registry, ledger, keepAlive, now, logger }) : ownMetrics(registry);
  const cors = createCors(config.corsOrigins);
  const redis = ports.redis && guardRedis({ redis: ports.redis, now, metrics, logger });
  const { accessLifetimeSeconds } = config;
  const stored = redis
    ? await createRedisSessionStore({ redis, now, accessLifetimeSeconds })
    : new MemorySessionStore({ now, accessLifetimeSeconds });
  const admissions = redis
    ? new RedisAdmissionStore({ redis, now, hashSubject: await createHashSubject(config.tokens.secret) })
    : new MemoryAdmissionStore(now, stored);
  const seen = new SeenRevocations({ now, ...sessionTimes(accessLifetimeSeconds) });
  const sessions = seen.watch(stored);
  const { shouldShed, errorReporter = NO_ERROR_REPORTS } = ports;
  const exchanges = createExchanges({ logger, metrics, cors, now, timeoutMs, shouldShed, errorReporter });

  const { presenceUrl, bridgeSecret } = config;
  const presence = createPresenceClient({ url: presenceUrl, fetch: ports.fetch, bridgeSecret, metrics, logger });
  const cache = createCallCache({
    ttlSeconds: config.cacheTtlSeconds,
    upstreamTimeoutMs: timeoutMs,
    metrics,
    now,
    keepAlive: ports.keepAlive,
    sharesWork: ports.sharesWork ?? false,
    shared: redis && createRedisSharedAnswers(redis),
  });
  const breakers = createWatchedBreakers({
    create: ports.createBreaker,
    options: breakerOptionsOf(config),
    metrics,
    logger,
    now,
  });
  const platform = createPlatform({
    transports: ports.transports,
    presence,
    breakers,
    maxInFlight: config.upstreamMaxInFlight,
    requestTimeoutMs: timeoutMs,
    metrics,
    now,
    cache,
  });
  const external = config.tokens.external && {
    issuer: config.tokens.external.issuer,
    keys: createRemoteKeys({
      url: config.tokens.external.keySetUrl,
      fetch: ports.fetch,
      now,
      keepAlive: ports.keepAlive,
      onFailure: (error) =>
        logger.log("warn", "the external issuer's keys were not fetched", { error: describeError(error) }),
    }),
  };
  const accessTokens = await createAccessTokens({
    ...config.tokens,
    external,
    lifetimeSeconds: accessLifetimeSeconds,
    now,
  });
  const refreshTokens = await createRefreshTokens(config.tokens);
  const { refreshLifetimeSeconds } = config;
  const guards = createGuards({
    authenticate: createAuthenticate(accessTokens),
    admission: createAdmission({ store: admissions, seen, now, metrics, logger, keepAlive }),
    seen,
    limits: rateLimitsFrom(config.rateLimits),
    clientAddress: createClientAddress(config.trustedProxies),
    refreshTokens,
    refusals: metrics.rateLimited,
  });

  const implementations: Implementations = new Map()
    .set(
      AuthService,
      createAuthService({ platform, accessTokens, refreshTokens, sessions, refreshLifetimeSeconds, now }),
    )
    .set(UsersService, createUsersService(platform, ports.keepAlive))
    .set(TasksService, createTasksService(platform))
    .set(MatchingService, createMatchingService(platform));

  const app = new Hono<GatewayEnv>({ getPath: ({ url }) => canonicalPath(url) });

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
  const operation = (route: ExchangeRoute, answer: (request: Request) => Response | Promise<Response>) => {
    const run = exchanges({ ...route, alwaysServed: true });
    app.get(route.label, ({ req }) => run(req.raw, async ({ request }) => answer(request)));
  };
  const detailedHealth = createDetailedHealth(
    [
      ...UPSTREAM_SERVICES.map(({ key, label }) => ({
        label,
        probe: (probeMs: number) => probeGrpc(ports.transports[key], probeMs),
        breaker: () => breakers[key].kind(),
      })),
      { label: PRESENCE_LABEL, probe: presence.checkHealth },
      { label: "redis", ...(redis && { probe: redis.ping, breaker: redis.breaker }) },
      { label: "nats" },
    ],
    now,
  );
  operation({ label: "/health", level: "debug" }, () => Response.json(shallowHealth()));
  operation({ label: "/health/detailed", level: "debug" }, async () => Response.json(await detailedHealth()));
  operation({ label: "/health/live", level: "debug" }, () => Response.json({ status: "alive" }));
  operation({ label: "/health/ready", level: "debug" }, () => {
    const lifecycle = ports.lifecycle();
    if (lifecycle === "ready") return Response.json({ status: "ready" });
    return Response.json({ status: "not ready", reason: lifecycle }, { status: 503 });
  });
  const keySet = JSON.stringify(accessTokens.publicKeySet);
  operation({ label: "/.well-known/jwks.json", level: "debug" }, () => {
    // Whoever verifies our tokens learns of a new key within this time: README, "Keys and their rotation".
    const headers = { "Content-Type": "application/jwk-set+json", "Cache-Control": "public, max-age=300" };
    return new Response(keySet, { headers });
  });
  operation({ label: "/metrics", level: "debug" }, async ({ headers }) => {
    demandMetricsToken(headers, config.metricsToken);
    return new Response(await exposition.text(), {
      headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  });

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
