import { randomBytes } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import type { TestProject } from "vitest/node";
import { TaskSchema } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { startBridge } from "#src/node/bridge/start-bridge.ts";
import { UPSTREAM_SERVICES } from "#src/upstream/services.ts";
import { refusal, runPlainGrpcServer } from "../node/bridge/plain-grpc-server.ts";

/** For tests inside workerd: a plain gRPC server in Node, and the bridge before it. */
export default async function provideBridgedService(project: TestProject): Promise<() => Promise<void>> {
  const server = await runPlainGrpcServer();
  server.script("GetUser", {
    unary: (call, answer) => {
      const userId = call.request.subarray(2).toString();
      if (userId === "usr_details") answer(refusal(status.NOT_FOUND, WORDS, DETAILS));
      else if (userId !== "usr_silence") answer(null, server.bytesOf("platform.users.v1.GetUserResponse"));
      else call.on("cancelled", () => {});
    },
  });
  const secret = randomBytes(32).toString("base64url");
  const addresses = Object.fromEntries(UPSTREAM_SERVICES.map(({ urlVariable }) => [urlVariable, server.url]));
  const bridge = await startBridge({
    env: { BRIDGE_HOST: "127.0.0.1", BRIDGE_PORT: "0", BRIDGE_SECRET: secret, SHUTDOWN_GRACE: "1", ...addresses },
    writeLog: () => {},
  });
  project.provide("bridge", { url: bridge.url, secret });
  return async () => {
    await bridge.stop();
    server.stop();
  };
}

const WORDS = "there is no usr_details";
const detail = toBinary(AnySchema, anyPack(TaskSchema, create(TaskSchema, { taskId: "tsk_detail" })));
/** google.rpc.Status: 1 code, 2 message, 3 details. */
const DETAILS = Buffer.concat([
  Buffer.from([0x08, status.NOT_FOUND, 0x12, WORDS.length]),
  Buffer.from(WORDS),
  Buffer.from([0x1a, detail.byteLength]),
  detail,
]);
