import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, type Transport } from "@connectrpc/connect";
import { beforeAll, describe, expect, test } from "vitest";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { policyOf } from "#src/contract/policy.ts";
import { call } from "../support/gateway-under-test.ts";
import { createWorld, type World } from "../support/rest-routes.ts";
import { RPC_CALLS } from "../support/rpc-calls.ts";
import {
  expectError,
  failing,
  invoke,
  PUBLIC_RPCS,
  type PublicRpc,
  pathOf,
  shortName,
  TRANSPORT_NAMES,
  TRANSPORTS,
  violationsOf,
} from "../support/rpc-clients.ts";
import { newTask } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

const { NO_SIDE_EFFECTS } = MethodOptions_IdempotencyLevel;

/** Connect has no GET for a stream. */
const hasGet = ({ methodKind, idempotency }: PublicRpc) => methodKind === "unary" && idempotency === NO_SIDE_EFFECTS;

/** The public rpcs as clients of Connect and gRPC-Web use them: all of them, by every way in. */
export function rpcSuite(target: Target): void {
  let world: World;
  const over = (name: string): Transport => TRANSPORTS[name]!(target().url);
  beforeAll(async () => {
    world = await createWorld(target().url);
  });

  test("there is a good call of every public rpc", () => {
    expect(Object.keys(RPC_CALLS).toSorted()).toEqual(PUBLIC_RPCS.map(shortName).toSorted());
  });

  describe.each(TRANSPORT_NAMES)("%s", (name) => {
    test.each(PUBLIC_RPCS.map((rpc) => [shortName(rpc), rpc] as const))("%s is answered", async (_name, rpc) => {
      const { request, by, answers } = await RPC_CALLS[shortName(rpc)]!(world);
      const { message, header } = await invoke(over(name), rpc, request, { token: by?.token });
      expect(message).toMatchObject(answers);
      expect(header.get("x-request-id")).toMatch(/\S/);
      const byGet = name.startsWith("Connect by GET") && hasGet(rpc);
      expect(header.get("cache-control")).toBe(policyOf(rpc).noStore ? "no-store" : byGet ? "private, no-cache" : null);
    });

    test("tells everything that is wrong with the input, at once, in the same words as REST", async () => {
      const { client } = world;
      const body = { title: " ", skill_tags: ["a", ""], budget_lower_bound: -1, budget_upper_bound: 0 };
      const rest = await call(target().url, "POST /api/v1/tasks", { token: client.token, body });
      const request = { title: " ", skillTags: ["a", ""], budgetLowerBound: -1, budgetUpperBound: 0 };
      const error = await failing(over(name), TasksService.method.createTask, request, { token: client.token });
      expectError(error, "VALIDATION_ERROR");
      expect(error.rawMessage).toBe(rest.body.detail);
      expect(violationsOf(error)).toEqual(rest.body.errors);
      expect(violationsOf(error).length).toBeGreaterThan(2);
    });

    test("finds none of the platform's own rpcs, nor any that does not exist", async () => {
      const { getTask } = TaskService.method;
      const made = { ...getTask, name: "MadeUp", idempotency: 0 } as typeof getTask;
      for (const rpc of [getTask, made]) {
        const error = await failing(over(name), rpc, { taskId: world.taskId }, { token: world.client.token });
        expect(error.code).toBe(Code.Unimplemented);
      }
    });

    test("changes of a task what the mask names, or else what is set, and keeps the rest", async () => {
      const { url, client } = world;
      const { token } = client;
      const transport = over(name);
      const taskId = await newTask(url, client);
      const update = (request: object) =>
        invoke(transport, TasksService.method.updateTask, { taskId, ...request }, { token });
      const { message: before } = await invoke(transport, TasksService.method.getTask, { taskId }, { token });

      await update({ changes: { title: "Set" } });
      await update({
        changes: { title: "Not named", repositoryUrl: "https://git.example/2" },
        updateMask: { paths: ["repository_url", "description"] },
      });

      const { message: after } = await invoke(transport, TasksService.method.getTask, { taskId }, { token });
      const changed = { title: "Set", description: "", repositoryUrl: "https://git.example/2" };
      expect(after.task).toEqual({ ...before.task, ...changed, updatedAt: after.task.updatedAt });
      const nothing = await failing(transport, TasksService.method.updateTask, { taskId, changes: {} }, { token });
      expectError(nothing, "VALIDATION_ERROR");
      const nowhere = { taskId, updateMask: { paths: ["client_id"] } };
      expectError(await failing(transport, TasksService.method.updateTask, nowhere, { token }), "VALIDATION_ERROR");
    });
  });

  test.each(PUBLIC_RPCS.map((rpc) => [pathOf(rpc), rpc] as const))(
    "GET %s is there for one answer without side effects, and 405 for any other rpc",
    async (path, rpc) => {
      const { status, headers, body } = await call(target().url, `GET ${path}?encoding=json&message=%7B%7D`);
      if (hasGet(rpc)) return expect(status).toBe(401);
      expect({ status, allow: headers.get("allow") }).toEqual({ status: 405, allow: "OPTIONS, POST" });
      expect(body).toMatchObject({ code: "unimplemented", message: "The route does not have this method." });
    },
  );

  describe("a page of another origin", () => {
    const rows = [
      ["Connect", "POST", "authorization,connect-protocol-version,connect-timeout-ms,content-type"],
      ["Connect by GET", "GET", "authorization,connect-timeout-ms"],
      ["gRPC-Web", "POST", "authorization,content-type,grpc-timeout,x-grpc-web,x-user-agent"],
    ] as const;
    test.each(rows)("may send what a client of %s sends, if it is in the list", async (_protocol, method, names) => {
      const path = `${target().url}${pathOf(TasksService.method.listTasks)}`;
      const preflight = async (origin: string) => {
        const asked = { "access-control-request-method": method, "access-control-request-headers": names };
        return (await fetch(path, { method: "OPTIONS", headers: { origin, ...asked } })).headers;
      };
      const ours = await preflight("http://localhost:3000");
      expect(ours.get("access-control-allow-origin")).toBe("http://localhost:3000");
      expect(listOf(ours.get("access-control-allow-methods"))).toContain(method.toLowerCase());
      expect(listOf(ours.get("access-control-allow-headers"))).toEqual(expect.arrayContaining(names.split(",")));
      const foreign = await preflight("https://evil.example");
      expect([...foreign.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    });

    test("may read the status of gRPC-Web, and an error as well as an answer", async () => {
      const headers = { origin: "http://localhost:3000" };
      const error = await failing(over("gRPC-Web in binary"), TasksService.method.listTasks, {}, { headers });
      expect(error.metadata.get("access-control-allow-origin")).toBe("http://localhost:3000");
      const exposed = listOf(error.metadata.get("access-control-expose-headers"));
      expect(exposed).toEqual(expect.arrayContaining(["grpc-status", "grpc-message", "grpc-status-details-bin"]));
    });
  });
}

function listOf(header: string | null): string[] {
  return header?.toLowerCase().split(", ") ?? [];
}
