import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ProposalEventSchema } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { requestContextKey } from "#src/context.ts";
import { createProposalCalls } from "#src/services/proposals.ts";
import type { Platform } from "#src/upstream/platform.ts";
import { requestContext } from "../support/upstream.ts";

type Event = MessageInitShape<typeof ProposalEventSchema>;

/** What an Orchestrator tells that cares nothing for who asks. */
const TOLD: readonly Event[] = [
  { eventId: "1", proposal: { proposalId: "prp_1", userId: "usr_a", taskId: "tsk_a" } },
  { eventId: "2", proposal: { proposalId: "prp_2", userId: "usr_b", taskId: "tsk_a" } },
  { eventId: "3" },
  { eventId: "4", proposal: { proposalId: "prp_4", userId: "usr_a", taskId: "tsk_b" } },
  { eventId: "5", proposal: { proposalId: "prp_5", userId: "", taskId: "" } },
];

async function heardBy(role: Role, userId: string, taskId?: string): Promise<(string | undefined)[]> {
  const platform = {
    tasks: { getTask: async () => ({ task: { taskId, clientId: "usr_c" } }) },
    orchestrator: {
      async *watchProposals() {
        for (const event of TOLD) yield create(ProposalEventSchema, event);
      },
    },
  } as unknown as Platform;
  const caller = { userId, role, sessionId: "s", tokenId: "t", issuedAtSeconds: 0, expiresAtSeconds: 2_000_000_000 };
  const values = createContextValues().set(requestContextKey, requestContext({ caller }));
  const signal = new AbortController().signal;
  const events = createProposalCalls(platform).watchProposals(
    { $typeName: "gateway.v1.WatchProposalsRequest", ...(taskId !== undefined && { taskId }) },
    { values, signal } as HandlerContext,
  );
  const heard: (string | undefined)[] = [];
  for await (const { eventId } of events) heard.push(eventId);
  return heard;
}

describe("whatever the Orchestrator tells,", () => {
  test("a developer hears of its own", async () => {
    expect(await heardBy(Role.DEVELOPER, "usr_a")).toEqual(["1", "4"]);
    expect(await heardBy(Role.DEVELOPER, "usr_a", "tsk_b")).toEqual(["4"]);
  });

  test("a task's client of those for the task", async () => {
    expect(await heardBy(Role.CLIENT, "usr_c", "tsk_a")).toEqual(["1", "2"]);
  });

  test("an administrator of all that say what they are about, and one that does not ends nothing", async () => {
    expect(await heardBy(Role.ADMIN, "usr_root")).toEqual(["1", "2", "4", "5"]);
  });
});
