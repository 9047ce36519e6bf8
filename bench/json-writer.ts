/**
 * What writing JSON costs: our writer against protobuf-es' toJson with JSON.stringify, on one Task and on a list of 50.
 * Both write the same text (test/rest/json-writer.property.test.ts), enum names aside.
 *
 *     npx node bench/json-writer.ts
 *
 * Both times hold the UTF-8 encoding: text that was concatenated is not whole before somebody reads it.
 * Rounds of the two alternate and the best of each counts: a shared machine only ever adds time.
 */
import { create, type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ListTasksResponseSchema, type Task, TaskSchema } from "#gen/gateway/v1/tasks_pb.ts";
import { TaskLifecycleStatus } from "#gen/platform/common/v1/common_pb.ts";
import { compileJsonWriter } from "../src/rest/json-writer.ts";

const ROUNDS = 40;
const utf8 = new TextEncoder();

function task(number: number): Task {
  return create(TaskSchema, {
    taskId: `task-${number}`,
    clientId: "user-7f3a9c",
    title: "Port the billing service to TypeScript",
    description: 'The service has 40 endpoints and a Postgres schema. Tests exist; the "invoices" part is unclear.',
    skillTags: ["typescript", "grpc", "postgres"],
    budgetLowerBound: 1500,
    budgetUpperBound: 4200.5,
    repositoryUrl: "https://github.com/example/billing",
    status: TaskLifecycleStatus.OPEN,
    createdAt: timestampFromMs(1_760_000_000_000 + number * 86_400_123),
    updatedAt: timestampFromMs(1_760_000_500_000 + number * 86_400_000),
  });
}

function compare<Desc extends DescMessage>(name: string, type: Desc, message: MessageShape<Desc>, calls: number): void {
  const write = compileJsonWriter(type);
  const ours = (): number => utf8.encode(write(message)).length;
  const theirs = (): number =>
    utf8.encode(JSON.stringify(toJson(type, message, { useProtoFieldName: true, alwaysEmitImplicit: true }))).length;
  let oursUs = Number.POSITIVE_INFINITY;
  let theirsUs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    oursUs = Math.min(oursUs, microsecondsPerCall(ours, calls));
    theirsUs = Math.min(theirsUs, microsecondsPerCall(theirs, calls));
  }
  const ratio = (theirsUs / oursUs).toFixed(1);
  process.stdout.write(
    `${name}: ours ${oursUs.toFixed(2)} µs, protobuf-es ${theirsUs.toFixed(2)} µs, ${ratio} times\n`,
  );
}

function microsecondsPerCall(call: () => number, calls: number): number {
  let characters = 0;
  const start = performance.now();
  for (let index = 0; index < calls; index++) characters += call();
  if (characters === 0) throw new Error("nothing was written");
  return ((performance.now() - start) * 1000) / calls;
}

const tasks = Array.from({ length: 50 }, (_, number) => task(number));
compare("one Task", TaskSchema, tasks[0]!, 5000);
compare("50 Tasks", ListTasksResponseSchema, create(ListTasksResponseSchema, { tasks, totalCount: 50 }), 100);
