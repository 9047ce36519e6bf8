import type { DescMethodStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { GetUserRequestSchema, UserService } from "#gen/platform/users/v1/users_pb.ts";
import { BRIDGED_SERVICES } from "#src/node/bridge/bridged-services.ts";
import { filled, toMessage, toPlain } from "../../support/contract-values.ts";
import { PLENTY_MS } from "../../support/upstream.ts";
import { BINARY_WAYS, openWay, startBridgeUnderTest, WAYS } from "./bridge-under-test.ts";
import { STREAM_LENGTH, startPlainGrpcServer } from "./plain-grpc-server.ts";

const METHODS = Object.values(BRIDGED_SERVICES).flatMap(({ methods }) => [...methods]);

/** What a client may send beside what is on the list. */
const PLANTED = {
  cookie: "session=1",
  "x-forwarded-for": "10.0.0.1",
  "x-admin": "true",
  "x-user-email": "eve@example.com",
  "grpc-tags-bin": "AAEC",
  baggage: "role=admin",
};
const IDENTITY = {
  "x-user-id": "usr_1",
  "x-user-role": "CLIENT",
  "x-request-id": "req-7",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

describe.each(WAYS)("%s", (way) => {
  test("every unary method of the platform: each field of the request and of the answer arrives", async () => {
    const server = await startPlainGrpcServer();
    const transport = openWay(way, await startBridgeUnderTest(server.url));
    const unary = METHODS.filter(({ methodKind }) => methodKind === "unary") as DescMethodUnary[];
    expect(unary.length).toBeGreaterThanOrEqual(22);

    for (const method of unary) {
      const request = filled(server.root.lookupType(method.input.typeName));
      const { message } = await transport.unary(
        method,
        undefined,
        PLENTY_MS,
        undefined,
        toMessage(method.input, request),
      );
      expect(server.seen.at(-1)!.path).toBe(`/${method.parent.typeName}/${method.name}`);
      expect(server.seen.at(-1)!.request).toEqual(request);
      expect(toPlain(method.output, message)).toEqual(filled(server.root.lookupType(method.output.typeName)));
    }
    expect(server.seen.length).toBe(unary.length);
  });

  test("every server stream of the platform: each message arrives, and the end", async () => {
    const server = await startPlainGrpcServer();
    const transport = openWay(way, await startBridgeUnderTest(server.url));
    const streaming = METHODS.filter(({ methodKind }) => methodKind === "server_streaming") as DescMethodStreaming[];
    expect(streaming.map(({ name }) => name)).toEqual(["WatchProposals"]);

    for (const method of streaming) {
      const request = filled(server.root.lookupType(method.input.typeName));
      const input = (async function* () {
        yield toMessage(method.input, request);
      })();
      const { message } = await transport.stream(method, undefined, PLENTY_MS, undefined, input);
      const answers = [];
      for await (const each of message) answers.push(toPlain(method.output, each));
      expect(server.seen.at(-1)!.request).toEqual(request);
      expect(answers).toEqual(Array(STREAM_LENGTH).fill(filled(server.root.lookupType(method.output.typeName))));
    }
  });

  test("of the metadata, what is on the list arrives and nothing else", async () => {
    const server = await startPlainGrpcServer();
    const bridge = await startBridgeUnderTest(server.url);
    const transport = openWay(way, bridge, { ...PLANTED, ...IDENTITY });

    await createClient(UserService, transport).getUser({ userId: "usr_1" });
    for await (const _ of createClient(OrchestratorService, transport).watchProposals({ userId: "usr_1" }));

    for (const { metadata } of server.seen) {
      const { "user-agent": agent, "accept-encoding": _httpEncoding, ...told } = metadata;
      expect(told).toEqual(IDENTITY);
      expect(String(agent)).toMatch(/^connect-es\//);
    }
    expect(server.seen.length).toBe(2);
  });

  test("what a caller does not say is not made up", async () => {
    const server = await startPlainGrpcServer();
    const transport = openWay(way, await startBridgeUnderTest(server.url));
    await createClient(UserService, transport).getUser({ userId: "usr_1" });
    expect(
      Object.keys(server.seen[0]!.metadata).filter((name) => name.startsWith("x-") || name === "traceparent"),
    ).toEqual([]);
  });

  test("an answer of the service's own headers stays behind", async () => {
    const server = await startPlainGrpcServer();
    server.script("GetUser", {
      unary: (call, answer) => {
        const metadata = call.metadata.clone();
        metadata.set("x-internal-host", "users-7.internal");
        call.sendMetadata(metadata);
        answer(null, server.bytesOf("platform.users.v1.GetUserResponse"));
      },
    });
    const transport = openWay(way, await startBridgeUnderTest(server.url));
    const answer = await transport.unary(UserService.method.getUser, undefined, PLENTY_MS, undefined, { userId: "u" });
    expect([...answer.header.keys(), ...answer.trailer.keys()]).not.toContain("x-internal-host");
  });

  test("many calls at once, each with its own answer", async () => {
    const server = await startPlainGrpcServer();
    server.script("GetUser", {
      // user.user_id (1.1) of the answer is the request's user_id (1): the same bytes, one level deeper.
      unary: ({ request }, answer) => answer(null, Buffer.concat([Buffer.from([0x0a, request.length]), request])),
    });
    const client = createClient(UserService, openWay(way, await startBridgeUnderTest(server.url)));
    const ids = Array.from({ length: 200 }, (_, n) => `usr_${n}`);
    const answers = await Promise.all(ids.map((userId) => client.getUser({ userId })));
    expect(answers.map(({ user }) => user?.userId)).toEqual(ids);
  });
});

/** Field 999 with a text, and field 1000 with a number, which no message of the platform has. */
const UNKNOWN = Buffer.from([0xba, 0x3e, 0x03, 0x61, 0x62, 0x63, 0xc0, 0x3e, 0x96, 0x01]);

test.each(BINARY_WAYS)(
  "%s: fields that the bridge does not know survive, both ways and at every depth",
  async (way) => {
    const server = await startPlainGrpcServer();
    const user = Buffer.concat([Buffer.from("0a0175", "hex"), UNKNOWN]);
    const reply = Buffer.concat([Buffer.from([0x0a, user.length]), user, UNKNOWN]);
    server.script("GetUser", { unary: (_call, answer) => answer(null, reply) });
    const transport = openWay(way, await startBridgeUnderTest(server.url));
    const request = create(GetUserRequestSchema, { userId: "u" });
    request.$unknown = [
      { no: 999, wireType: 2, data: UNKNOWN.subarray(2, 6) },
      { no: 1000, wireType: 0, data: UNKNOWN.subarray(8) },
    ];

    const { message } = await transport.unary(UserService.method.getUser, undefined, PLENTY_MS, undefined, request);

    expect(server.seen[0]!.bytes.toString("hex")).toBe(
      Buffer.concat([Buffer.from("0a0175", "hex"), UNKNOWN]).toString("hex"),
    );
    const told = [message.$unknown, message.user?.$unknown].map((fields) => fields?.map(({ no }) => no));
    expect(told).toEqual([
      [999, 1000],
      [999, 1000],
    ]);
  },
);
