import { beforeAll, describe, expect, test } from "vitest";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { Access, DataRule, Role } from "#gen/policy/v1/policy_pb.ts";
import { policyOf } from "#src/contract/policy.ts";
import type { ErrorCode } from "#src/errors.ts";
import { type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import { createWorld, type World } from "../support/rest-routes.ts";
import { RPC_CALLS } from "../support/rpc-calls.ts";
import {
  expectError,
  failing,
  invoke,
  PUBLIC_RPCS,
  type PublicRpc,
  reasonOf,
  shortName,
  TRANSPORTS,
} from "../support/rpc-clients.ts";
import { newProposal } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

const CALLERS = ["anonymous", "garbage", "CLIENT", "DEVELOPER", "ADMIN"] as const;
type CallerName = (typeof CALLERS)[number];

/** One transport of each protocol: how a guard is told is the protocol's affair, whom it lets in is not. */
const PROTOCOLS = ["Connect in JSON", "gRPC-Web in binary"];

/** What a client might plant to be taken for somebody else. */
const PLANTED = { "x-user-id": "usr_admin", "x-user-role": "ADMIN", "x-forwarded-user": "admin", "x-role": "ADMIN" };

const byName = PUBLIC_RPCS.map((rpc) => [shortName(rpc), rpc] as const);

/** Whom the policies let in, derived from the policies for every rpc there is; and that headers change nothing of it. */
export function rpcAccessSuite(target: Target): void {
  let world: World;
  let stranger: Person;
  let listener: Person;
  beforeAll(async () => {
    world = await createWorld(target().url);
    stranger = await register(target().url, "DEVELOPER");
    listener = (await newProposal(target().url, world.client)).developer;
  });

  describe.each(PROTOCOLS)("%s", (protocol) => {
    const over = () => TRANSPORTS[protocol]!(target().url);
    const cells = PUBLIC_RPCS.flatMap((rpc) =>
      CALLERS.map((caller) => [shortName(rpc), caller, verdictOf(rpc, caller) ?? "goes on", rpc] as const),
    );

    test.each(cells)("%s with an empty message by %s: %s", async (_name, caller, verdict, rpc) => {
      // A stream is let in once it tells something, so its developer is one to whom something has happened.
      const isListener = caller === "DEVELOPER" && rpc.methodKind !== "unary";
      const token = isListener ? listener.token : await tokenOf(target().url, caller);
      const options = { token, headers: PLANTED };
      if (verdict !== "goes on") {
        const error = await failing(over(), rpc, {}, options);
        expectError(error, verdict);
        if (verdict === "AUTHENTICATION_FAILED") expect(error.metadata.get("www-authenticate")).toMatch(/^Bearer /);
        return;
      }
      const reason = await invoke(over(), rpc, {}, options).then(() => undefined, reasonOf);
      expect([undefined, "VALIDATION_ERROR", "NOT_FOUND"]).toContain(reason);
    });

    const selfRpcs = byName.filter(([, rpc]) => policyOf(rpc).selfField !== undefined);
    test.each(selfRpcs)("%s is for the one that the message names, and for ADMIN", async (name, rpc) => {
      const { request, by } = await RPC_CALLS[name]!(world);
      const denied = await failing(over(), rpc, request, { token: stranger.token, headers: PLANTED });
      expectError(denied, "ACCESS_DENIED");
      expect(denied.rawMessage).toBe("This is somebody else's.");
      await invoke(over(), rpc, request, { token: by?.token });
      await invoke(over(), rpc, request, { token: world.admin.token });
    });

    const ownerRpcs = byName.filter(([, rpc]) => policyOf(rpc).data === DataRule.TASK_OWNER);
    test.each(ownerRpcs)("%s is for the task's owner, and for ADMIN", async (name, rpc) => {
      const { request } = await RPC_CALLS[name]!(world);
      const denied = await failing(over(), rpc, request, { token: stranger.token, headers: PLANTED });
      expectError(denied, "ACCESS_DENIED");
      await invoke(over(), rpc, request, { token: world.admin.token });
    });

    const proposalRpcs = byName.filter(([, rpc]) => policyOf(rpc).data === DataRule.PROPOSAL_READER);
    test.each(proposalRpcs)("%s is for the owner of the task that it names, and for ADMIN", async (_name, rpc) => {
      const { taskId } = await newProposal(target().url, world.client);
      const other = await register(target().url, "CLIENT");
      expectError(await failing(over(), rpc, { taskId }, { token: other.token, headers: PLANTED }), "ACCESS_DENIED");
      await invoke(over(), rpc, { taskId }, { token: world.client.token });
      await invoke(over(), rpc, { taskId }, { token: world.admin.token });
    });

    const answerRpcs = byName.filter(([, rpc]) => policyOf(rpc).data === DataRule.PROPOSAL_DEVELOPER);
    test.each(answerRpcs)("%s is for the developer whom the proposal is for, and not for ADMIN", async (name, rpc) => {
      const { request, by } = await RPC_CALLS[name]!(world);
      for (const { token } of [stranger, world.client, world.admin]) {
        expectError(await failing(over(), rpc, request, { token, headers: PLANTED }), "ACCESS_DENIED");
      }
      await invoke(over(), rpc, request, { token: by?.token });
    });

    test("another's list of tasks is denied to a CLIENT", async () => {
      const other = await register(target().url, "CLIENT");
      const request = { clientId: world.client.userId };
      expectError(
        await failing(over(), TasksService.method.listTasks, request, { token: other.token }),
        "ACCESS_DENIED",
      );
    });
  });

  test("policies of every kind have been looked at", () => {
    const policies = PUBLIC_RPCS.map(policyOf);
    expect(policies.filter(({ access }) => access === Access.ANYONE).length).toBeGreaterThan(0);
    expect(policies.filter(({ roles }) => roles.length > 0).length).toBeGreaterThan(1);
    expect(policies.filter(({ selfField }) => selfField !== undefined).length).toBeGreaterThan(1);
    expect(policies.filter(({ data }) => data === DataRule.TASK_OWNER).length).toBeGreaterThan(4);
    expect(policies.filter(({ data }) => data === DataRule.PROPOSAL_READER).length).toBeGreaterThan(1);
    expect(policies.filter(({ data }) => data === DataRule.PROPOSAL_DEVELOPER).length).toBeGreaterThan(1);
  });
}

/** What the policy says of an empty message; undefined where it lets the caller in. */
function verdictOf(rpc: PublicRpc, caller: CallerName): ErrorCode | undefined {
  const { access, roles, selfField, data } = policyOf(rpc);
  if (access === Access.ANYONE) return undefined;
  if (caller === "anonymous" || caller === "garbage") return "AUTHENTICATION_FAILED";
  if (roles.length > 0 && !roles.includes(Role[caller])) return "ACCESS_DENIED";
  // It names no task, so none of the caller's.
  if (data === DataRule.PROPOSAL_READER && caller === "CLIENT") return "ACCESS_DENIED";
  // It names nobody, who is not the caller.
  return selfField !== undefined && caller !== "ADMIN" ? "ACCESS_DENIED" : undefined;
}

/** Somebody new each time: one of the rpcs ends the caller's session. */
async function tokenOf(url: string, caller: CallerName): Promise<string | undefined> {
  if (caller === "anonymous") return undefined;
  if (caller === "garbage") return "eyJhbGciOiJub25lIn0.e30.";
  return (caller === "ADMIN" ? await signInAdmin(url) : await register(url, caller)).token;
}
