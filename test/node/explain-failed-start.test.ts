import { createServer } from "node:http";
import { expect, test } from "vitest";
import { ConfigError } from "#src/config.ts";
import { MissingImplementation } from "#src/contract/implementations.ts";
import { explainFailedStart } from "#src/node/explain-failed-start.ts";
import { ListenError, listen } from "#src/node/net/listen.ts";
import { ContractError } from "#src/rest/contract-error.ts";

test.each([
  ["the configuration", new ConfigError(["GATEWAY_PORT must be a number"])],
  ["the contract", new ContractError(["a.v1.S.Rpc has no policy"])],
  ["the code", new MissingImplementation("a.v1.S.Rpc has no implementation")],
  ["the machine", new ListenError("cannot listen on 127.0.0.1:1")],
])("a mistake in %s is said in its own words, without the error's name or a stack", (_name, error) => {
  expect(explainFailedStart(error)).toBe(error.message);
});

test("a defect has its stack, and what is no error its text", () => {
  expect(explainFailedStart(new TypeError("x is not a function"))).toMatch(/^TypeError: x is not a function\n +at /);
  expect(explainFailedStart("a text")).toBe("a text");
});

test("an address of another machine names the variables that say so", async () => {
  const start = listen(createServer(), { host: "192.0.2.1", port: 0 }, "GATEWAY_HOST, GATEWAY_PORT");
  await expect(start).rejects.toThrow(
    /^cannot listen on 192\.0\.2\.1:0 \(GATEWAY_HOST, GATEWAY_PORT\): .*EADDRNOTAVAIL/,
  );
  await expect(start).rejects.toBeInstanceOf(ListenError);
});
