import { afterAll, beforeAll, expect, test } from "vitest";
import { call, type GatewayUnderTest, register, startGatewayUnderTest } from "../support/gateway-under-test.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.stop());

test("logout with an old refresh token of another session leaves that session alone", async () => {
  const { url } = gateway;
  const person = await register(url, "CLIENT");
  const credentials = { email: person.email, password: person.password };
  const other = (await call(url, "POST /api/v1/auth/login", { body: credentials })).body;
  const next = await call(url, "POST /api/v1/auth/refresh", { body: { refresh_token: other.refresh_token } });
  expect(next.status).toBe(200);

  const body = { refresh_token: other.refresh_token };
  expect((await call(url, "POST /api/v1/auth/logout", { token: person.token, body })).status).toBe(200);

  expect((await call(url, "GET /api/v1/auth/me", { token: next.body.access_token })).status).toBe(200);
  expect((await call(url, "GET /api/v1/auth/me", { token: person.token })).status).toBe(401);
});
