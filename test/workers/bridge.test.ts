import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, inject, test } from "vitest";
import { OrchestratorService } from "../../src/gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskSchema } from "../../src/gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "../../src/gen/platform/users/v1/users_pb.ts";
import { createWorkersTransport } from "../../src/workers/transports.ts";

const PLENTY_MS = 20_000;
const { url, secret } = inject("bridge");
const open = (protocol: "connect" | "grpc-web", bridgeSecret: string | undefined) =>
  createWorkersTransport({ url, protocol }, { fetch: (input, init) => fetch(input, init), bridgeSecret });

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const thrown = await call.then(
    () => expect.fail("it was answered"),
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(ConnectError);
  return thrown as ConnectError;
}

// From a Worker to what no Worker can speak to. That the public API works over it is shown with the whole Worker.
describe.each(["connect", "grpc-web"] as const)(
  "a Worker, over %s, the bridge, and a plain gRPC server",
  (protocol) => {
    const getUser = (userId: string, timeoutMs = PLENTY_MS) =>
      createClient(UserService, open(protocol, secret)).getUser({ userId }, { timeoutMs });

    test("a call is answered", async () => {
      const { user } = await getUser("usr_1");
      expect(user?.userId).toMatch(/./);
    });

    test("a refusal arrives with its code, its words and its details", async () => {
      const error = await errorOf(getUser("usr_details"));
      expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "there is no usr_details" });
      expect(error.findDetails(TaskSchema).map(({ taskId }) => taskId)).toEqual(["tsk_detail"]);
    });

    test("silence ends with the deadline", async () => {
      expect(await errorOf(getUser("usr_silence", 300))).toMatchObject({ code: Code.DeadlineExceeded });
    });

    test("a stream arrives, message by message, and ends", async () => {
      const client = createClient(OrchestratorService, open(protocol, secret));
      let events = 0;
      for await (const { proposal } of client.watchProposals({ userId: "usr_1" }, { timeoutMs: PLENTY_MS })) {
        expect(proposal?.proposalId).toMatch(/./);
        events += 1;
      }
      expect(events).toBe(3);
    });

    test.each([
      ["without the secret", undefined],
      ["with another one", "another-secret-of-more-than-32-bytes-0123"],
    ])("%s nobody comes through", async (_what, other) => {
      const error = await errorOf(createClient(UserService, open(protocol, other)).getUser({ userId: "usr_1" }));
      expect(error.isWireError, "it is not the service's word").toBe(false);
    });
  },
);
