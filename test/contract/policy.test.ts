import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Access, DataRule, type PolicySchema, RateClass, Role } from "#gen/policy/v1/policy_pb.ts";
import { PolicyError, policyOf, rpcName } from "#src/contract/policy.ts";
import { EverythingSchema } from "../gen/transcoder/v1/everything_pb.ts";
import { annotatedService } from "../rest/annotated-service.ts";

type Policy = MessageInitShape<typeof PolicySchema>;

function rpcWith(policy: Policy | null) {
  return annotatedService({ name: "Do", policy }).methods[0]!;
}

function problemOf(policy: Policy | null): string {
  try {
    policyOf(rpcWith(policy));
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError);
    return (error as PolicyError).message;
  }
  throw new Error("it was accepted");
}

const ANYONE = { access: Access.ANYONE };
const SIGNED_IN = { access: Access.SIGNED_IN };
const { CLIENT, DEVELOPER, ADMIN } = Role;
const emailIn = (field: string) => ({ field: { case: "email" as const, value: field } });
const EVENTS = { idField: "string_value", afterField: "string_value" };
const PAGE = { limitField: "uint32_value", offsetField: "uint32_value", totalField: "uint32_value", defaultLimit: 50 };

describe("a policy", () => {
  test("that says only who may call has defaults for all else", () => {
    expect(policyOf(rpcWith(SIGNED_IN))).toEqual({
      access: Access.SIGNED_IN,
      roles: [],
      selfField: undefined,
      data: DataRule.UNSPECIFIED,
      rateClass: RateClass.UNSPECIFIED,
      rateSubject: undefined,
      successStatus: 200,
      partial: false,
      page: undefined,
      noStore: false,
      events: undefined,
    });
  });

  test("that says everything is read as it stands", () => {
    const policy = {
      ...SIGNED_IN,
      roles: [CLIENT, ADMIN],
      selfField: "string_value",
      data: DataRule.TASK_OWNER,
      rateClass: RateClass.UNSPECIFIED,
      successStatus: 201,
      partial: true,
      noStore: true,
    };
    expect(policyOf(rpcWith({ ...policy, page: PAGE }))).toEqual({
      ...policy,
      rateSubject: undefined,
      page: expect.objectContaining(PAGE),
      events: undefined,
    });
  });

  test("of a stream of events says by which fields it is resumed", () => {
    const rpc = annotatedService({ policy: { ...SIGNED_IN, events: EVENTS }, stream: "response" }).methods[0]!;
    expect(policyOf(rpc).events).toMatchObject(EVENTS);
  });

  const BAD_EVENTS: readonly (readonly [because: string, policy: Policy, message: string])[] = [
    ["events for anyone", { ...ANYONE, events: EVENTS }, "has events for anyone, whose streams nobody can count"],
    [
      "events without an id",
      { ...SIGNED_IN, events: { ...EVENTS, idField: "" } },
      `names events.id_field "", which is no field of ${EverythingSchema.typeName}`,
    ],
    [
      "events that go on after nothing",
      { ...SIGNED_IN, events: { ...EVENTS, afterField: "after" } },
      `names events.after_field "after", which is no field of ${EverythingSchema.typeName}`,
    ],
    [
      "events that go on after a number, which not every id is",
      { ...SIGNED_IN, events: { ...EVENTS, afterField: "uint32_value" } },
      'names events.after_field "uint32_value", which is no string',
    ],
  ];
  test.each(BAD_EVENTS)("of a stream is refused: %s", (_because, policy, message) => {
    const rpc = annotatedService({ policy, stream: "response" }).methods[0]!;
    expect(() => policyOf(rpc)).toThrow(`test.v1.TestService.Rpc0 ${message}`);
  });

  test.each([
    ["email", "email"],
    ["refreshToken", "refreshToken"],
  ] as const)("of a sign-in says whose account it is about: %s", (option, kind) => {
    const rateSubject = { field: { case: option, value: "string_value" } };
    const policy = policyOf(rpcWith({ ...ANYONE, rateClass: RateClass.SIGN_IN, rateSubject }));
    expect(policy.rateSubject).toEqual({ kind, field: "string_value" });
  });

  test.each([200, 201, 202, 204])("may answer success with %i", (successStatus) => {
    expect(policyOf(rpcWith({ ...ANYONE, successStatus })).successStatus).toBe(successStatus);
  });

  test("may let anyone in with a limit, a status and no cache", () => {
    const policy = { ...ANYONE, rateClass: RateClass.SIGN_IN, successStatus: 201, noStore: true };
    expect(policyOf(rpcWith({ ...policy, rateSubject: emailIn("string_value") }))).toMatchObject(policy);
  });
});

type BadRow = readonly [because: string, policy: Policy | null, message: string];

const BAD: readonly BadRow[] = [
  ["deny by default", null, "has no policy: say who may call it"],
  ["an empty one says nothing", {}, "has a policy without access"],
  ["everything but the one thing that counts", { roles: [ADMIN], noStore: true }, "has a policy without access"],
  ["an access of a newer policy.proto", { access: 9 as Access }, "has a policy without access"],
  ["roles of nobody", { ...ANYONE, roles: [CLIENT] }, "lets anyone in and yet asks who they are"],
  ["somebody's own of nobody", { ...ANYONE, selfField: "string_value" }, "lets anyone in and yet asks who they are"],
  ["data of nobody", { ...ANYONE, data: DataRule.TASK_OWNER }, "lets anyone in and yet asks who they are"],
  ["a role that is none", { ...SIGNED_IN, roles: [Role.UNSPECIFIED] }, "names a role that nobody can have: 0"],
  [
    "a role that is none among others",
    { ...SIGNED_IN, roles: [CLIENT, Role.UNSPECIFIED] },
    "names a role that nobody can have: 0",
  ],
  [
    "a role of a newer policy.proto",
    { ...SIGNED_IN, roles: [DEVELOPER, 7 as Role] },
    "names a role that nobody can have: 7",
  ],
  ["a data rule that no code keeps", { ...SIGNED_IN, data: 99 as DataRule }, "names a data rule that is not known: 99"],
  [
    "a limit that no code keeps",
    { ...SIGNED_IN, rateClass: 99 as RateClass },
    "names a rate class that is not known: 99",
  ],
  [
    "a sign-in whose account nobody knows",
    { ...ANYONE, rateClass: RateClass.SIGN_IN },
    "has one of rate_class SIGN_IN and rate_subject without the other",
  ],
  [
    "an account that nobody counts",
    { ...ANYONE, rateSubject: emailIn("string_value") },
    "has one of rate_class SIGN_IN and rate_subject without the other",
  ],
  [
    "a sign-in of somebody who is signed in",
    { ...SIGNED_IN, rateClass: RateClass.SIGN_IN, rateSubject: emailIn("string_value") },
    "has rate_class SIGN_IN, which is for callers whom nobody knows yet",
  ],
  [
    "an account in a field that is not there",
    { ...ANYONE, rateClass: RateClass.SIGN_IN, rateSubject: emailIn("nothing") },
    'names rate_subject.email "nothing", which is no field of transcoder.v1.Everything',
  ],
  [
    "an account in a field that is no text",
    { ...ANYONE, rateClass: RateClass.SIGN_IN, rateSubject: emailIn("uint32_value") },
    'names rate_subject.email "uint32_value", which is no string',
  ],
  [
    "a status that is no success",
    { ...ANYONE, successStatus: 404 },
    "has success_status 404, not one of 200, 201, 202, 204",
  ],
  ["a redirect", { ...ANYONE, successStatus: 302 }, "has success_status 302, not one of 200, 201, 202, 204"],
  [
    "a success that nobody expects",
    { ...ANYONE, successStatus: 206 },
    "has success_status 206, not one of 200, 201, 202, 204",
  ],
  [
    "a self_field that is no field",
    { ...SIGNED_IN, selfField: "user_id" },
    `names self_field "user_id", which is no field of ${EverythingSchema.typeName}`,
  ],
  [
    "a self_field by its JSON name",
    { ...SIGNED_IN, selfField: "stringValue" },
    `names self_field "stringValue", which is no field of ${EverythingSchema.typeName}`,
  ],
  [
    "a page without a limit",
    { ...ANYONE, page: { ...PAGE, limitField: "" } },
    `names page.limit_field "", which is no field of ${EverythingSchema.typeName}`,
  ],
  [
    "a page without an offset",
    { ...ANYONE, page: { ...PAGE, offsetField: "skip" } },
    `names page.offset_field "skip", which is no field of ${EverythingSchema.typeName}`,
  ],
  [
    "a page without a total",
    { ...ANYONE, page: { ...PAGE, totalField: "total" } },
    `names page.total_field "total", which is no field of ${EverythingSchema.typeName}`,
  ],
  ["events of a call that ends", { ...SIGNED_IN, events: EVENTS }, "has events, and is no server stream"],
  ["a page of no size", { ...ANYONE, page: { ...PAGE, defaultLimit: 0 } }, "has a page without default_limit"],
];

test.each(BAD)("%s: the start is refused, and the rpc is named", (_because, policy, message) => {
  expect(problemOf(policy)).toBe(`test.v1.TestService.Do ${message}`);
});

test("an rpc's name is its full one", () => {
  expect(rpcName(rpcWith(ANYONE))).toBe("test.v1.TestService.Do");
});
