/**
 * What a unary gRPC call costs the gateway: our own path against Connect's createGrpcTransport, which it replaces. A Task
 * is asked for and comes, over a kept session, with a deadline and a caller's signal as every call of ours has them.
 *
 *     npx node bench/upstream-call.ts
 *
 * One at a time, as a quiet gateway makes them, and 32 under way at once. CPU is this process's alone; the service is
 * another process. Rounds alternate and the best of each counts: a shared machine only ever adds time.
 *
 * Measured on 2 shared cores, Node 24.21, in µs of CPU a call:
 *
 *                       ours   Connect's
 *     one at a time      109         360
 *     32 at once          44         176
 *
 * Of ours at 32, by profile: Node's HTTP/2, its streams and events 42 %, garbage collection 18 %, the messages' bytes
 * 12 %, src/node/grpc 9 %, Connect's session manager 2 % (1.5 µs against a session without it). One at a time, most of
 * the rest is the way through the kernel and the event loop. Whole requests, GET /api/v1/tasks/{id} with nothing kept,
 * in µs of the gateway's CPU, three alternating rounds of 20,000: 387 before and 188 now with 32 under way, 783 and 483
 * one at a time.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { createNodeTransports } from "../src/node/transports.ts";

const ROUNDS = 8;
const CALLS = 4_000;
const method = TaskService.method.getTask;

/** The cheapest service there can be: the same bytes for everybody. */
async function serve(): Promise<void> {
  const message = toBinary(
    method.output,
    create(method.output, {
      task: {
        taskId: "task-1",
        clientId: "user-7f3a9c",
        title: "Port the billing service to TypeScript",
        description: 'The service has 40 endpoints and a Postgres schema. Tests exist; the "invoices" part is unclear.',
        skillTags: ["typescript", "grpc", "postgres"],
        budgetLowerBound: 1500,
        budgetUpperBound: 4200.5,
        repositoryUrl: "https://github.com/example/billing",
        status: TaskLifecycleStatus.OPEN,
        createdAt: timestampFromMs(1_760_000_000_000),
        updatedAt: timestampFromMs(1_760_000_500_000),
      },
    }),
  );
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.byteLength, 1);
  const body = Buffer.concat([head, message]);
  const server = createServer();
  server.on("stream", (stream) => {
    stream.resume();
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send!((server.address() as AddressInfo).port);
}

async function call(unary: Transport["unary"], id: number): Promise<void> {
  const header = { "x-request-id": `req-${id}`, "x-user-id": "user-7f3a9c", "x-user-role": "CLIENT" };
  const { signal } = new AbortController();
  const { message } = await unary(method, signal, 5_000, header, { taskId: `task-${id}` });
  if (message.task?.taskId !== "task-1") throw new Error("no answer");
}

async function measure(unary: Transport["unary"], atOnce: number): Promise<number> {
  const cpu = process.cpuUsage();
  let made = 0;
  const worker = async (): Promise<void> => {
    while (made < CALLS) await call(unary, made++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / CALLS;
}

async function compare(): Promise<void> {
  const child = fork(import.meta.filename, ["serve"]);
  const [port] = await once(child, "message");
  const url = `http://127.0.0.1:${port}`;
  const address = { url, protocol: "grpc" } as const;
  const ours = createNodeTransports({ users: address, tasks: address, recommendation: address, orchestrator: address });
  const transports = [
    ["Connect's", createGrpcTransport({ baseUrl: url }).unary],
    ["ours", ours.transports.tasks.unary],
  ] as const;
  for (const atOnce of [1, 32]) {
    const best = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [whose, unary] of transports) {
        const us = await measure(unary, atOnce);
        best.set(whose, Math.min(us, best.get(whose) ?? Number.POSITIVE_INFINITY));
      }
    }
    for (const [whose, us] of best)
      process.stdout.write(`${atOnce} at once, ${whose}: ${us.toFixed(1)} µs of CPU a call\n`);
  }
  child.kill();
  process.exit();
}

await (process.argv[2] === "serve" ? serve() : compare());
