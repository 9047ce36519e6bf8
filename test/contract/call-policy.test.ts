import { create, createFileRegistry, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel as IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { RecommendationService } from "#gen/platform/matching/v1/matching_pb.ts";
import {
  OrchestratorService,
  RespondToProposalRequestSchema,
  RespondToProposalResponseSchema,
} from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { CallPolicySchema, call } from "#gen/policy/v1/policy_pb.ts";
import { callSettingsOf } from "#src/contract/call-policy.ts";
import { PolicyError } from "#src/contract/policy.ts";

type Policy = MessageInitShape<typeof CallPolicySchema>;

interface Shape {
  readonly idempotency?: IdempotencyLevel;
  readonly stream?: boolean;
}

/**
 * An rpc of a service that is made at run time, because a wrong policy must not stand in a real `.proto`. It takes and
 * answers what RespondToProposal does: strings, a bool, and a message in a message.
 */
function rpcWith(policy: Policy | undefined, { idempotency, stream = false }: Shape = {}) {
  const options = create(MethodOptionsSchema, idempotency === undefined ? {} : { idempotencyLevel: idempotency });
  if (policy !== undefined) setExtension(options, call, create(CallPolicySchema, policy));
  const { file: orchestrator } = RespondToProposalRequestSchema;
  const method = {
    name: "Do",
    inputType: `.${RespondToProposalRequestSchema.typeName}`,
    outputType: `.${RespondToProposalResponseSchema.typeName}`,
    serverStreaming: stream,
    options,
  };
  const file = create(FileDescriptorProtoSchema, {
    name: "test/v1/call.proto",
    package: "test.v1",
    syntax: "proto3",
    dependency: [orchestrator.proto.name],
    service: [{ name: "CallService", method: [method] }],
  });
  return createFileRegistry(file, () => orchestrator).getService("test.v1.CallService")!.methods[0]!;
}

const READ: Shape = { idempotency: IdempotencyLevel.NO_SIDE_EFFECTS };

test.each<readonly [Policy | undefined, timeoutMs: number, checksCredentials: boolean, string]>([
  [undefined, 5_000, false, "no policy"],
  [{}, 5_000, false, "an empty one"],
  [{ timeoutMs: 1 }, 1, false, "the shortest"],
  [{ timeoutMs: 60_000 }, 60_000, false, "the longest"],
  [{ checksCredentials: true }, 5_000, true, "credentials"],
])("%j is %d ms, credentials %s: %s", (policy, timeoutMs, checksCredentials) => {
  expect(callSettingsOf(rpcWith(policy))).toEqual({
    timeoutMs,
    checksCredentials,
    hedgeAfterMs: undefined,
    cache: undefined,
    invalidates: [],
  });
});

test("a hedge and a cache are read", () => {
  const cache = { staleWhileRevalidateSeconds: 2, staleIfErrorSeconds: 60, tags: ["proposals"] };
  const settings = callSettingsOf(rpcWith({ hedgeAfterMs: 100, cache: { ttlSeconds: 5, ...cache } }, READ));
  expect(settings).toMatchObject({ hedgeAfterMs: 100, cache: { ttlSeconds: 5, ...cache, tags: [{}] } });
  expect(callSettingsOf(rpcWith({ cache }, READ)).cache, "CACHE_TTL decides").toMatchObject({ ttlSeconds: undefined });
});

test.each<readonly [Policy, Shape, problem: string]>([
  [{ timeoutMs: 5_000 }, { ...READ, stream: true }, "has timeout_ms, and is a stream"],
  [{ hedgeAfterMs: 10 }, { ...READ, stream: true }, "has hedge_after_ms, and is no unary rpc with NO_SIDE_EFFECTS"],
  [{ timeoutMs: 60_001 }, READ, "has timeout_ms 60001, more than 60000"],
  [{ hedgeAfterMs: 10 }, {}, "has hedge_after_ms, and is no unary rpc with NO_SIDE_EFFECTS"],
  [
    { hedgeAfterMs: 10 },
    { idempotency: IdempotencyLevel.IDEMPOTENT },
    "has hedge_after_ms, and is no unary rpc with NO_SIDE_EFFECTS",
  ],
  [{ hedgeAfterMs: 5_000 }, READ, "has hedge_after_ms 5000, not less than its timeout of 5000"],
  [{ cache: { tags: ["t"] } }, {}, "has a cache, and is no unary rpc with NO_SIDE_EFFECTS"],
  [
    { cache: { tags: ["t"] } },
    { idempotency: IdempotencyLevel.IDEMPOTENT },
    "has a cache, and is no unary rpc with NO_SIDE_EFFECTS",
  ],
  [{ cache: { tags: ["t"] } }, { ...READ, stream: true }, "has a cache, and is no unary rpc with NO_SIDE_EFFECTS"],
  [{ cache: {} }, READ, "has a cache without tags: no write could end its answers"],
  [{ cache: { ttlSeconds: 86_401, tags: ["t"] } }, READ, "keeps answers for 86401 s, more than 86400"],
  [{ cache: { staleIfErrorSeconds: 90_000, tags: ["t"] } }, READ, "keeps answers for 90000 s, more than 86400"],
  [
    { cache: { tags: ["t:{task_id}"] } },
    READ,
    'has the tag "t:{task_id}", but "task_id" is no string field of platform.orchestrator.v1.RespondToProposalRequest',
  ],
  [
    { cache: { tags: ["t:{proposal.task_id}"] } },
    READ,
    'has the tag "t:{proposal.task_id}", but "proposal.task_id" is no string field of ' +
      "platform.orchestrator.v1.RespondToProposalRequest",
  ],
  [
    { cache: { tags: ["t:{accept}"] } },
    READ,
    'has the tag "t:{accept}", but "accept" is no string field of platform.orchestrator.v1.RespondToProposalRequest',
  ],
  [{ cache: { tags: ["t:{user_id"] } }, READ, 'has a tag that cannot be read: "t:{user_id"'],
  [{ cache: { tags: [""] } }, READ, 'has a tag that cannot be read: ""'],
  [{ invalidates: ["t"] }, READ, "invalidates tags, and claims NO_SIDE_EFFECTS"],
  [
    { invalidates: ["t:{proposal.no}"] },
    {},
    'has the tag "t:{proposal.no}", but "proposal.no" is no string field of ' +
      "platform.orchestrator.v1.RespondToProposalRequest or platform.orchestrator.v1.RespondToProposalResponse",
  ],
])("%j with %j stops the start, and names the rpc", (policy, shape, problem) => {
  const read = () => callSettingsOf(rpcWith(policy, shape));
  expect(read).toThrow(PolicyError);
  expect(read).toThrow(`test.v1.CallService.Do ${problem}`);
});

describe("a tag", () => {
  const request = create(RespondToProposalRequestSchema, { proposalId: "prp_1", userId: "usr_1" });
  const response = create(RespondToProposalResponseSchema, { proposal: { taskId: "tsk_1" } });
  const tag = (template: string) => callSettingsOf(rpcWith({ invalidates: [template] })).invalidates[0]!;

  test.each([
    ["tasks", "tasks", "text alone"],
    ["user:{user_id}", "user:usr_1", "a field of the request"],
    ["{user_id}/{proposal_id}!", "usr_1/prp_1!", "two, with text around"],
    ["task:{proposal.task_id}", "task:tsk_1", "a field of a message in the response"],
  ])("%s is %s: %s", (template, expected) => {
    expect(tag(template).tagOf(request, response)).toBe(expected);
  });

  test("is none where its message is not there", () => {
    expect(tag("task:{proposal.task_id}").tagOf(request)).toBeUndefined();
    expect(tag("task:{proposal.task_id}").tagOf(request, create(RespondToProposalResponseSchema))).toBeUndefined();
  });
});

describe("the platform's policies", () => {
  const methods = [UserService, TaskService, RecommendationService, OrchestratorService].flatMap(
    (service) => service.methods,
  );

  test("only the rpc that checks passwords speaks of the end user's credentials", () => {
    const checking = methods.filter((rpc) => callSettingsOf(rpc).checksCredentials);
    expect(checking.map(({ name }) => name)).toEqual(["AuthenticateUser"]);
  });

  test("no rpc is hedged: none is slow enough at its slowest to be worth it", () => {
    expect(methods.filter((rpc) => callSettingsOf(rpc).hedgeAfterMs !== undefined)).toEqual([]);
  });
});
