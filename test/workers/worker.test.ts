import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";

test("the Worker answers for itself", async () => {
  const response = await exports.default.fetch("http://gateway.test/health");
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ status: "healthy" });
});
