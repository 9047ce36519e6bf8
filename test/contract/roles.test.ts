import { expect, test } from "vitest";
import { Role, RoleSchema } from "#gen/policy/v1/policy_pb.ts";
import { roleName, roleOf } from "#src/contract/roles.ts";

test.each([
  [Role.CLIENT, "CLIENT"],
  [Role.DEVELOPER, "DEVELOPER"],
  [Role.ADMIN, "ADMIN"],
])("role %i is %s, and back", (role, name) => {
  expect(roleName(role)).toBe(name);
  expect(roleOf(name)).toBe(role);
});

test("every role of the contract has a name, the one that is none aside", () => {
  const roles = RoleSchema.values.map(({ number }) => number).filter((number) => number !== Role.UNSPECIFIED);
  expect(roles.map((role) => roleOf(roleName(role as Role)))).toEqual(roles);
  expect(() => roleName(Role.UNSPECIFIED)).toThrow("a caller without a role");
  expect(() => roleName(9 as Role)).toThrow("a caller without a role");
});

test.each<readonly [unknown, string]>([
  ["client", "another letter case"],
  ["ROLE_CLIENT", "the name in the .proto"],
  [" CLIENT", "a space"],
  ["", "nothing"],
  [1, "the number"],
  [undefined, "no claim"],
  [null, "null"],
  [["CLIENT"], "a list"],
  [new String("CLIENT"), "an object that is written alike"],
  ["toString", "a name that every object has"],
])("%j is no role: %s", (name) => {
  expect(roleOf(name)).toBeUndefined();
});
