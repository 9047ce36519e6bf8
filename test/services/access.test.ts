import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { TaskLifecycleStatus as Status } from "#gen/platform/common/v1/common_pb.ts";
import { TaskSchema } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import type { Caller } from "#src/context.ts";
import { GatewayError } from "#src/errors.ts";
import { demandTaskOwner, demandTaskReader, type TaskScope, taskScope } from "#src/services/access.ts";

const { CLIENT, DEVELOPER, ADMIN } = Role;

function callerWith(role: Role, userId = "me"): Caller {
  return { userId, role, sessionId: "s", tokenId: "t", issuedAtSeconds: 0, expiresAtSeconds: 1 };
}

function allows(step: () => unknown): boolean {
  try {
    step();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    expect((error as GatewayError).errorCode).toBe("ACCESS_DENIED");
    return false;
  }
}

type Row = readonly [
  role: Role,
  task: MessageInitShape<typeof TaskSchema>,
  owner: boolean,
  reader: boolean,
  because: string,
];

const { OPEN, ASSIGNED, PAUSED, COMPLETED, CANCELLED, UNSPECIFIED } = Status;

const TASKS: readonly Row[] = [
  [CLIENT, { clientId: "me", status: OPEN }, true, true, "one's own"],
  [CLIENT, { clientId: "me", status: CANCELLED }, true, true, "one's own, whatever has become of it"],
  [CLIENT, { clientId: "you", status: OPEN }, false, false, "another client's, although it is open"],
  [CLIENT, { clientId: "you", assigneeId: "me", status: ASSIGNED }, false, false, "a client takes no tasks"],
  [CLIENT, { clientId: "ME", status: OPEN }, false, false, "another letter case is another user"],
  [CLIENT, { clientId: "", status: OPEN }, false, false, "nobody's task"],
  [DEVELOPER, { clientId: "you", status: OPEN }, false, true, "an open one"],
  [DEVELOPER, { clientId: "you", assigneeId: "me", status: ASSIGNED }, false, true, "one's own work"],
  [DEVELOPER, { clientId: "you", assigneeId: "me", status: PAUSED }, false, true, "one's own work, paused"],
  [DEVELOPER, { clientId: "you", assigneeId: "me", status: COMPLETED }, false, true, "one's own work, done"],
  [DEVELOPER, { clientId: "you", assigneeId: "them", status: ASSIGNED }, false, false, "somebody else's work"],
  [DEVELOPER, { clientId: "you", assigneeId: "them", status: OPEN }, false, true, "open: whoever had it before"],
  [DEVELOPER, { clientId: "you", status: PAUSED }, false, false, "nobody's work, and not open"],
  [DEVELOPER, { clientId: "you", status: COMPLETED }, false, false, "done by nobody"],
  [DEVELOPER, { clientId: "you", status: CANCELLED }, false, false, "cancelled"],
  [
    DEVELOPER,
    { clientId: "you", status: UNSPECIFIED },
    false,
    false,
    "a status that the service does not tell is not open",
  ],
  [DEVELOPER, { clientId: "me", status: COMPLETED }, true, true, "posted by oneself, in another role"],
  [ADMIN, { clientId: "you", status: PAUSED }, true, true, "ADMIN may"],
  [ADMIN, { clientId: "", status: UNSPECIFIED }, true, true, "ADMIN may, also what has no owner"],
  [Role.UNSPECIFIED, { clientId: "you", status: OPEN }, false, false, "no role may nothing"],
];

describe("a task", () => {
  test.each(TASKS)("role %i, %j: owner %j, reader %j: %s", (role, init, owner, reader) => {
    const task = create(TaskSchema, init);
    expect(allows(() => demandTaskOwner(callerWith(role), task))).toBe(owner);
    expect(allows(() => demandTaskReader(callerWith(role), task))).toBe(reader);
  });

  test("without an owner and an assignee belongs to nobody, not even to a caller without an id", () => {
    const task = create(TaskSchema, { status: ASSIGNED });
    for (const role of [CLIENT, DEVELOPER]) {
      expect(allows(() => demandTaskOwner(callerWith(role, ""), task))).toBe(false);
      expect(allows(() => demandTaskReader(callerWith(role, ""), task))).toBe(false);
    }
  });
});

describe("a list of tasks", () => {
  test.each<readonly [Role, string | undefined, Status | undefined, TaskScope, string]>([
    [CLIENT, undefined, undefined, { clientId: "me", assigneeId: "", status: UNSPECIFIED }, "its own"],
    [CLIENT, "me", undefined, { clientId: "me", assigneeId: "", status: UNSPECIFIED }, "its own, by name"],
    [CLIENT, undefined, PAUSED, { clientId: "me", assigneeId: "", status: PAUSED }, "its own, by status"],
    [DEVELOPER, undefined, undefined, { clientId: "", assigneeId: "", status: OPEN }, "everybody's open ones"],
    [DEVELOPER, undefined, OPEN, { clientId: "", assigneeId: "", status: OPEN }, "the same, asked for"],
    [DEVELOPER, "you", undefined, { clientId: "you", assigneeId: "", status: OPEN }, "one client's open ones"],
    [DEVELOPER, undefined, ASSIGNED, { clientId: "", assigneeId: "me", status: ASSIGNED }, "its own work"],
    [
      DEVELOPER,
      "you",
      COMPLETED,
      { clientId: "you", assigneeId: "me", status: COMPLETED },
      "its own work for one client",
    ],
    [DEVELOPER, undefined, CANCELLED, { clientId: "", assigneeId: "me", status: CANCELLED }, "its own work, cancelled"],
    [ADMIN, undefined, undefined, { clientId: "", assigneeId: "", status: UNSPECIFIED }, "all"],
    [ADMIN, "you", PAUSED, { clientId: "you", assigneeId: "", status: PAUSED }, "what it asks for"],
  ])("of role %i, client %j, status %j, is narrowed to %j: %s", (role, clientId, status, scope) => {
    expect(taskScope(callerWith(role), clientId, status)).toEqual(scope);
  });

  test.each<readonly [Role, string, string]>([
    [CLIENT, "you", "another client's"],
    [CLIENT, "ME", "another letter case is another client"],
    [Role.UNSPECIFIED, "me", "no role may nothing"],
  ])("of role %i, client %j, is refused: %s", (role, clientId) => {
    expect(allows(() => taskScope(callerWith(role), clientId))).toBe(false);
  });
});
