import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "#gen/grpc/health/v1/health_pb.ts";
import { freePort } from "#platform/net/free-port.ts";
import { probeGrpc } from "#src/upstream/health-probes.ts";
import { startTestPlatform } from "../platform/support/start-test-platform.ts";
import {
  answer,
  type Behaviour,
  dropConnection,
  envelope,
  hang,
  hangAfterHeaders,
  proxyAnswer,
  refuse,
  startMisbehavingGrpcServer,
} from "../support/misbehaving-grpc-server.ts";
import { openUpstream, PLENTY_MS } from "../support/upstream.ts";

const health = (init: MessageInitShape<typeof HealthCheckResponseSchema>): Behaviour =>
  answer({ body: envelope(toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, init))) });

/** What a probe finds of a service that behaves so. */
async function probe(behave: Behaviour, timeoutMs = PLENTY_MS) {
  const server = await startMisbehavingGrpcServer();
  server.misbehaveOnce(behave);
  const { transports } = openUpstream(server.url);
  const error = await probeGrpc(transports.users, timeoutMs).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, server };
}

describe("a service is up", () => {
  test.each<[what: string, behave: Behaviour]>([
    ["it says SERVING", health({ status: ServingStatus.SERVING })],
    ["it says UNIMPLEMENTED: most have no health service, and only a service that is there can say so", refuse(12, "")],
    ["it answers HTTP 404, as libraries do for a path they do not know", proxyAnswer(404)],
  ])("where %s", async (_what, behave) => {
    const { error, server } = await probe(behave);
    expect(error).toBeUndefined();
    expect(server.calls[0]!.headers[":path"]).toBe("/grpc.health.v1.Health/Check");
  });

  test("where it is the stand-in, any of its services", async () => {
    const { services } = await startTestPlatform();
    for (const name of ["users", "tasks", "recommendation", "orchestrator"] as const) {
      await probeGrpc(openUpstream(services[name].url).transports.users, PLENTY_MS);
    }
  });
});

describe("a service is not up", () => {
  test.each<[what: string, behave: Behaviour]>([
    ["it says NOT_SERVING", health({ status: ServingStatus.NOT_SERVING })],
    ["it says SERVICE_UNKNOWN", health({ status: ServingStatus.SERVICE_UNKNOWN })],
    ["it says nothing of its status", health({})],
    ["it says UNAVAILABLE", refuse(14, "draining")],
    ["it says INTERNAL", refuse(13, "")],
    ["a proxy says 503 for it", proxyAnswer(503)],
    ["a page comes in its place", proxyAnswer(200)],
    ["it drops the connection", dropConnection],
  ])("where %s", async (_what, behave) => {
    expect((await probe(behave)).error).toBeInstanceOf(Error);
  });

  test.each([
    ["before headers", hang],
    ["after headers", hangAfterHeaders],
  ])("where it is silent %s for the given time", async (_when, behave) => {
    const { error } = await probe(behave, 300);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).code).toBe(Code.DeadlineExceeded);
  });

  test("where nobody listens", async () => {
    const { transports } = openUpstream(`http://127.0.0.1:${await freePort()}`);
    await expect(probeGrpc(transports.users, PLENTY_MS)).rejects.toMatchObject({ code: Code.Unavailable });
  });
});
