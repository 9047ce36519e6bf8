import {
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMethod,
  type DescMethodUnary,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { file_platform_common_v1_common as commonFile } from "#gen/platform/common/v1/common_pb.ts";
import {
  file_platform_matching_v1_matching as matchingFile,
  RecommendationService,
} from "#gen/platform/matching/v1/matching_pb.ts";
import {
  OrchestratorService,
  file_platform_orchestrator_v1_orchestrator as orchestratorFile,
} from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService, file_platform_tasks_v1_tasks as tasksFile } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService, file_platform_users_v1_users as usersFile } from "#gen/platform/users/v1/users_pb.ts";
import type { CallContext } from "#src/upstream/upstream-client.ts";
import { STREAM_LENGTH, startContractServer } from "../support/contract-server.ts";
import { filled, toMessage, toPlain } from "../support/contract-values.ts";
import { CONTRACT, enumValues, fieldsOf, fullName, loadContract } from "../support/platform-contract.ts";
import { callContext, gatewayErrorOf, openUpstream, outline, serviceCalls } from "../support/upstream.ts";

const FILES: readonly DescFile[] = [commonFile, usersFile, tasksFile, matchingFile, orchestratorFile];
const MESSAGES = FILES.flatMap(({ messages }) => messages);
const ENUMS = FILES.flatMap(({ enums }) => enums);
const METHODS = FILES.flatMap(({ services }) => services.flatMap(({ methods }) => methods));

const CLIENTS = [
  ["users", UserService],
  ["tasks", TaskService],
  ["recommendation", RecommendationService],
  ["orchestrator", OrchestratorService],
] as const;
const UNARY = CLIENTS.flatMap(([key, { methods }]) =>
  methods.flatMap((method) => (method.methodKind === "unary" ? [[key, method as DescMethodUnary] as const] : [])),
).map(([key, method]) => [`${method.parent.typeName}/${method.name}`, key, method] as const);

describe("the generated descriptors say what the contract's tables say", () => {
  test("there is a table for every package, and a package for every table", () => {
    expect(FILES.map(({ proto }) => proto.package).sort()).toEqual(Object.keys(CONTRACT).sort());
  });

  test("every message and enum is in the tables, and nothing else is", () => {
    const told = Object.entries(CONTRACT).flatMap(([name, { messages = {}, enums = {} }]) =>
      [...Object.keys(messages), ...Object.keys(enums)].map((type) => `${name}.${type}`),
    );
    expect([...MESSAGES, ...ENUMS].map(({ typeName }) => typeName).sort()).toEqual(told.sort());
  });

  test.each(MESSAGES.map((desc) => [desc.typeName, desc] as const))(
    "%s has its numbers, names and types",
    (name, desc) => {
      expect(desc.fields.map(described)).toEqual(fieldsOf(tableOf(name).messages![desc.name]!));
    },
  );

  test.each(ENUMS.map((desc) => [desc.typeName, desc] as const))("%s has its values", (name, desc) => {
    expect(numbersOf(desc)).toEqual(enumValues(desc.name, tableOf(name).enums![desc.name]!));
  });

  test("every service has its name and its rpcs, in, out and streaming", () => {
    const services = FILES.flatMap(({ services }) => services);
    const told = Object.entries(CONTRACT).flatMap(([name, { service }]) =>
      service === undefined
        ? []
        : [
            [
              `${name}.${service.name}`,
              service.methods.map(([method, input, output]) => [method, fullName(input), typeOf(output)]),
            ],
          ],
    );
    expect(services.map(({ typeName, methods }) => [typeName, methods.map(signature)])).toEqual(told);
    expect(METHODS).toHaveLength(23);
  });

  test.each(MESSAGES.map((desc) => [desc.typeName, desc] as const))(
    "%s is proto3 on the wire: no presence, packed numbers, JSON names of their own accord",
    (_name, { fields, oneofs, file }) => {
      expect(file.proto.syntax).toBe("proto3");
      expect(oneofs).toEqual([]);
      for (const field of fields) {
        if (field.message === undefined) expect(field.presence, field.name).toBe(FeatureSet_FieldPresence.IMPLICIT);
        if (field.fieldKind === "list" && field.scalar !== undefined && field.scalar !== ScalarType.STRING) {
          expect(field.packed, field.name).toBe(true);
        }
      }
    },
  );
});

describe("a grpc-js server that knows the tables alone understands the gateway's clients, and is understood", () => {
  test.each(UNARY)("%s: every field of the request and of the answer arrives", async (name, key, method) => {
    const server = await startContractServer();
    const { platform, metrics } = openUpstream(server.url);
    const request = filled(server.root.lookupType(method.input.typeName));

    const answer = await callOf(platform[key], method)(toMessage(method.input, request), callContext());

    expect(server.seen.map(({ path }) => path)).toEqual([`/${name}`]);
    expect(server.seen[0]!.request).toEqual(request);
    expect(toPlain(method.output, answer)).toEqual(filled(server.root.lookupType(method.output.typeName)));
    const service = { users: "user-service", tasks: "task-service", recommendation: "recommendation-service" };
    const label = key === "orchestrator" ? "orchestrator" : service[key];
    expect(serviceCalls(metrics)).toEqual({ [`${label} ${method.name} OK`]: 1 });
  });

  test.each(UNARY)("%s: a refusal arrives with its code and its words", async (_name, key, method) => {
    const server = await startContractServer();
    const { platform } = openUpstream(server.url);
    server.refuse({ code: status.FAILED_PRECONDITION, details: "Größe 100% falsch, über €5" });
    const error = await gatewayErrorOf(callOf(platform[key], method)(toMessage(method.input, {}), callContext()));
    expect(outline(error)).toEqual(["FAILED_PRECONDITION", 400]);
    expect(error.message).toBe("Größe 100% falsch, über €5");

    server.refuse(undefined);
    await callOf(platform[key], method)(toMessage(method.input, {}), callContext());
  });

  test("WatchProposals: every field of the request and of every event arrives", async () => {
    const server = await startContractServer();
    const { platform, metrics } = openUpstream(server.url);
    const { input, output } = OrchestratorService.method.watchProposals;
    const request = filled(server.root.lookupType(input.typeName));
    const events = [];
    for await (const event of platform.orchestrator.watchProposals(toMessage(input, request) as never, callContext())) {
      events.push(toPlain(output, event));
    }
    expect(server.seen.map(({ path }) => path)).toEqual([
      "/platform.orchestrator.v1.OrchestratorService/WatchProposals",
    ]);
    expect(server.seen[0]!.request).toEqual(request);
    expect(events).toEqual(Array(STREAM_LENGTH).fill(filled(server.root.lookupType(output.typeName))));
    expect(serviceCalls(metrics)).toEqual({ "orchestrator WatchProposals OK": 1 });
  });

  test("WatchProposals: a refusal ends the stream with its code and its words", async () => {
    const server = await startContractServer();
    const { platform } = openUpstream(server.url);
    const read = async () => {
      for await (const _event of platform.orchestrator.watchProposals({ userId: "usr_x" }, callContext()));
    };
    server.refuse({ code: status.FAILED_PRECONDITION, details: "Größe 100% falsch, über €5" });
    const error = await gatewayErrorOf(read());
    expect(outline(error)).toEqual(["FAILED_PRECONDITION", 400]);
    expect(error.message).toBe("Größe 100% falsch, über €5");

    server.refuse(undefined);
    await read();
  });
});

test("a filled message has every field of its type, and no two values alike", () => {
  // The proof above is worth what this helper is worth.
  const message = filled(loadContract().lookupType("platform.matching.v1.ScoreTaskCandidatesRequest"));
  expect(Object.keys(message)).toEqual(["task", "candidates", "limit", "strategy", "weights"]);
  const leaves: unknown[] = [];
  JSON.stringify(message, (key, value) => {
    if (typeof value !== "object" && key !== "nanos") leaves.push(value);
    return value;
  });
  expect(new Set(leaves).size).toBe(leaves.length);
  expect(leaves.length).toBe(52);
});

/** The package's table that a full type name belongs to. */
function tableOf(typeName: string) {
  return CONTRACT[typeName.slice(0, typeName.lastIndexOf("."))]!;
}

/** A type as a method's table names it: a stream stays one. */
function typeOf(output: string): string {
  return output.startsWith("stream ") ? `stream ${fullName(output.slice(7))}` : fullName(output);
}

function signature({ name, methodKind, input, output }: DescMethod): string[] {
  expect(["unary", "server_streaming"]).toContain(methodKind);
  return [name, input.typeName, `${methodKind === "unary" ? "" : "stream "}${output.typeName}`];
}

function numbersOf({ values }: DescEnum): Record<string, number> {
  return Object.fromEntries(values.map(({ name, number }) => [name, number]));
}

/** A field in the notation of the tables. */
function described(field: DescField) {
  const one = field.message?.typeName ?? field.enum?.typeName ?? SCALAR_NAMES[field.scalar ?? 0];
  const type =
    field.fieldKind === "map"
      ? `map<${SCALAR_NAMES[field.mapKey]},${one}>`
      : `${field.fieldKind === "list" ? "repeated " : ""}${one}`;
  return { number: field.number, name: field.name, type };
}

/** By descriptor.proto's FieldDescriptorProto.Type. */
const SCALAR_NAMES: Readonly<Record<number, string>> = {
  1: "double",
  2: "float",
  3: "int64",
  5: "int32",
  8: "bool",
  9: "string",
  13: "uint32",
};

/** An rpc of a client by its descriptor. */
function callOf(client: object, { localName }: DescMethodUnary) {
  const calls = client as Record<string, (request: Message, context: CallContext) => Promise<Message>>;
  return calls[localName]!;
}
