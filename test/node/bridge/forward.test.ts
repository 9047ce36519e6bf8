import type { DescMethod, DescMethodStreaming, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type MethodImpl, type Transport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type ProposalEvent, OrchestratorService as Service } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { forward } from "#src/node/bridge/forward.ts";
import { PLENTY_MS } from "../../support/upstream.ts";

// The platform has calls and server streams only. A method of another kind would be passed on all the same.

/** The same method of another kind. */
function watchAs(methodKind: "client_streaming" | "bidi_streaming"): DescMethodStreaming {
  return { ...Service.method.watchProposals, methodKind } as unknown as DescMethodStreaming;
}

function serve(method: DescMethod, impl: unknown): Transport {
  return createRouterTransport((router) => void router.rpc(method, impl as MethodImpl<DescMethod>));
}

function throughBridge(method: DescMethod, impl: unknown): Transport {
  return serve(
    method,
    forward(method, { service: "orchestrator", transport: serve(method, impl), timeoutMs: PLENTY_MS }),
  );
}

async function send(transport: Transport, method: DescMethodStreaming, userIds: readonly string[]): Promise<string[]> {
  const requests = (async function* () {
    for (const userId of userIds) yield { userId } as unknown as Message;
  })();
  const { message } = await transport.stream(method, undefined, PLENTY_MS, undefined, requests as never);
  const ids: string[] = [];
  for await (const each of message) ids.push((each as ProposalEvent).eventId);
  return ids;
}

test("a client stream: every request arrives, and the one answer", async () => {
  const method = watchAs("client_streaming");
  const impl = async (requests: AsyncIterable<{ userId: string }>) => {
    let eventId = "";
    for await (const { userId } of requests) eventId += userId;
    return { eventId };
  };
  expect(await send(throughBridge(method, impl), method, ["a", "b", "c"])).toEqual(["abc"]);
});

test("a stream both ways: each request is answered in its turn", async () => {
  const method = watchAs("bidi_streaming");
  const impl = async function* (requests: AsyncIterable<{ userId: string }>) {
    for await (const { userId } of requests) yield { eventId: `for ${userId}` };
  };
  expect(await send(throughBridge(method, impl), method, ["a", "b"])).toEqual(["for a", "for b"]);
});

test.each(["client_streaming", "bidi_streaming"] as const)("%s: a refusal arrives", async (kind) => {
  const method = watchAs(kind);
  const impl = () => {
    throw new ConnectError("not today", Code.FailedPrecondition);
  };
  await expect(send(throughBridge(method, impl), method, ["a"])).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: "not today",
  });
});
