import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { HealthResponseSchema } from "#gen/platform/matching/v1/matching_pb.ts";
import { GetUserRequestSchema } from "#gen/platform/users/v1/users_pb.ts";
import { startTestPlatform } from "./support/start-test-platform.ts";

// Another implementation of gRPC than the one that the platform is built with: both could share a mistake.

/** Calls a method with encoded messages. */
async function call(url: string, method: string, request: Uint8Array): Promise<Buffer> {
  const client = new Client(new URL(url).host, credentials.createInsecure());
  onTestFinished(() => client.close());
  const asIs = (bytes: Buffer) => bytes;
  return await new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, asIs, asIs, Buffer.from(request), new Metadata(), (error, answer) =>
      error ? reject(error) : resolve(answer!),
    );
  });
}

test("grpc-js has an answer", async () => {
  const { services } = await startTestPlatform();
  const method = "/platform.matching.v1.RecommendationService/Health";
  const answer = await call(services.recommendation.url, method, new Uint8Array());
  expect(fromBinary(HealthResponseSchema, answer)).toMatchObject({ healthy: true, status: "ok" });
});

test.each<[what: string, path: string, request: Uint8Array, code: status, details: RegExp]>([
  ["a refusal", "/platform.users.v1.UserService/GetUser", request("usr_x"), status.NOT_FOUND, /user usr_x does not/],
  ["garbage", "/platform.users.v1.UserService/GetUser", Buffer.from("garbage"), status.INTERNAL, /./],
  [
    "the health service, which there is none of",
    "/grpc.health.v1.Health/Check",
    new Uint8Array(),
    status.UNIMPLEMENTED,
    /no such method/,
  ],
  [
    "another service's method",
    "/platform.tasks.v1.TaskService/GetTask",
    new Uint8Array(),
    status.UNIMPLEMENTED,
    /no such method/,
  ],
])("grpc-js has the code of %s", async (_what, path, request, code, details) => {
  const { services } = await startTestPlatform();
  const error = await call(services.users.url, path, request).catch((reason: ServiceError) => reason);
  expect(error).toMatchObject({ code, details: expect.stringMatching(details) });
});

function request(userId: string): Uint8Array {
  return toBinary(GetUserRequestSchema, create(GetUserRequestSchema, { userId }));
}
