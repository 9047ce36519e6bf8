import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type DescService,
  setExtension,
} from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  type MethodDescriptorProto,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { http } from "#gen/google/api/annotations_pb.ts";
import { CustomHttpPatternSchema, type HttpRule, HttpRuleSchema } from "#gen/google/api/http_pb.ts";
import { Access, PolicySchema, rpc } from "#gen/policy/v1/policy_pb.ts";
import { EverythingSchema } from "../gen/transcoder/v1/everything_pb.ts";

/** An rpc of a service that is made at run time, because a wrong annotation must not stand in a real `.proto`. */
export interface RpcSpec {
  readonly name?: string;
  /** Everything, unless told. */
  readonly input?: DescMessage;
  /** Everything, unless told. */
  readonly output?: DescMessage;
  /** No REST route, unless told. */
  readonly http?: HttpRule;
  /** Lets anyone in, unless told; null is an rpc without a policy. */
  readonly policy?: MessageInitShape<typeof PolicySchema> | null;
  readonly stream?: "request" | "response" | "both";
}

/** The service `test.v1.TestService`; its rpcs are called Rpc0, Rpc1, … unless they have names. */
export function annotatedService(...rpcs: readonly RpcSpec[]): DescService {
  const files = new Map(rpcs.flatMap(messagesOf).map(({ file }) => [file.proto.name, file]));
  const file = create(FileDescriptorProtoSchema, {
    name: "test/v1/test.proto",
    package: "test.v1",
    syntax: "proto3",
    dependency: [...files.keys()],
    service: [{ name: "TestService", method: rpcs.map(methodProto) }],
  });
  const registry = createFileRegistry(file, (name) => importedFile(files.values(), name));
  return registry.getService("test.v1.TestService")!;
}

/** `httpRule("GET /v1/{id}", …)`. A method that HttpRule has no field for becomes a custom one. */
export function httpRule(route: string, options: MessageInitShape<typeof HttpRuleSchema> = {}): HttpRule {
  const space = route.indexOf(" ");
  const method = route.slice(0, space);
  const path = route.slice(space + 1);
  return create(HttpRuleSchema, { ...options, pattern: patternFor(method, path) });
}

function patternFor(method: string, path: string): HttpRule["pattern"] {
  switch (method) {
    case "GET":
    case "PUT":
    case "POST":
    case "DELETE":
    case "PATCH":
      return { case: method.toLowerCase() as "get" | "put" | "post" | "delete" | "patch", value: path };
    default:
      return { case: "custom", value: create(CustomHttpPatternSchema, { kind: method, path }) };
  }
}

function messagesOf({ input = EverythingSchema, output = EverythingSchema }: RpcSpec): readonly DescMessage[] {
  return [input, output];
}

function methodProto(spec: RpcSpec, index: number): MethodDescriptorProto {
  const [input, output] = messagesOf(spec);
  return create(MethodDescriptorProtoSchema, {
    name: spec.name ?? `Rpc${index}`,
    inputType: `.${input!.typeName}`,
    outputType: `.${output!.typeName}`,
    clientStreaming: spec.stream === "request" || spec.stream === "both",
    serverStreaming: spec.stream === "response" || spec.stream === "both",
    options: methodOptions(spec),
  });
}

function methodOptions({ http: rule, policy = { access: Access.ANYONE } }: RpcSpec) {
  const options = create(MethodOptionsSchema);
  if (rule !== undefined) setExtension(options, http, rule);
  if (policy !== null) setExtension(options, rpc, create(PolicySchema, policy));
  return options;
}

/** Searches these files and what they import. */
function importedFile(files: Iterable<DescFile>, name: string): DescFile | undefined {
  const all = [...files];
  for (const file of all) {
    if (file.proto.name === name) return file;
    all.push(...file.dependencies);
  }
  return undefined;
}
