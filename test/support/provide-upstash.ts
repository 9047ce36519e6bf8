import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { redisProgram, startRedisServer } from "./redis-server.ts";
import { startUpstashShim } from "./upstash-shim.ts";

/** For tests inside workerd, which can start no server. */
export default async function provideUpstash(project: TestProject): Promise<() => Promise<void>> {
  const hanging = createServer((request, response: ServerResponse) => {
    if (request.url?.startsWith("/body/")) response.writeHead(200).write("[");
  });
  await new Promise<void>((resolve) => hanging.listen(0, "127.0.0.1", resolve));
  project.provide("hangingUrl", `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`);
  const stopHanging = () => {
    hanging.closeAllConnections();
    hanging.close();
  };

  if (redisProgram === undefined) {
    project.provide("upstash", undefined);
    return async () => stopHanging();
  }
  const server = await startRedisServer();
  const shim = await startUpstashShim(server.url);
  project.provide("upstash", { url: shim.url, token: shim.token });
  return async () => {
    stopHanging();
    await shim.stop();
    await server.stop();
  };
}
