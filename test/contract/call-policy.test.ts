import { create, createFileRegistry, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import { EmptySchema, FileDescriptorProtoSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import { CallPolicySchema, call } from "#gen/policy/v1/policy_pb.ts";
import { type CallSettings, callSettingsOf } from "#src/contract/call-policy.ts";
import { PolicyError } from "#src/contract/policy.ts";

/** An rpc of a service that is made at run time, because a wrong policy must not stand in a real `.proto`. */
function rpcWith(policy: MessageInitShape<typeof CallPolicySchema> | undefined) {
  const options = create(MethodOptionsSchema);
  if (policy !== undefined) setExtension(options, call, create(CallPolicySchema, policy));
  const empty = `.${EmptySchema.typeName}`;
  const file = create(FileDescriptorProtoSchema, {
    name: "test/v1/call.proto",
    package: "test.v1",
    syntax: "proto3",
    dependency: [EmptySchema.file.proto.name],
    service: [{ name: "CallService", method: [{ name: "Do", inputType: empty, outputType: empty, options }] }],
  });
  return createFileRegistry(file, () => EmptySchema.file).getService("test.v1.CallService")!.methods[0]!;
}

test.each<readonly [MessageInitShape<typeof CallPolicySchema> | undefined, CallSettings, string]>([
  [undefined, { timeoutMs: 5_000, checksCredentials: false }, "no policy"],
  [{}, { timeoutMs: 5_000, checksCredentials: false }, "an empty one"],
  [{ timeoutMs: 1 }, { timeoutMs: 1, checksCredentials: false }, "the shortest"],
  [{ timeoutMs: 60_000 }, { timeoutMs: 60_000, checksCredentials: false }, "the longest"],
  [{ checksCredentials: true }, { timeoutMs: 5_000, checksCredentials: true }, "credentials"],
])("%j is %j: %s", (policy, settings) => {
  expect(callSettingsOf(rpcWith(policy))).toEqual(settings);
});

test("a call of more than a minute is a job: the start is refused, and the rpc is named", () => {
  expect(() => callSettingsOf(rpcWith({ timeoutMs: 60_001 }))).toThrow(PolicyError);
  expect(() => callSettingsOf(rpcWith({ timeoutMs: 60_001 }))).toThrow(
    "test.v1.CallService.Do has timeout_ms 60001, more than 60000",
  );
});

test("only the rpc that checks passwords speaks of the end user's credentials", () => {
  const checking = UserService.methods.filter((rpc) => callSettingsOf(rpc).checksCredentials);
  expect(checking.map(({ name }) => name)).toEqual(["AuthenticateUser"]);
});
