import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, launchChromium } from "../support/chromium.ts";
import {
  call,
  type GatewayUnderTest,
  type Person,
  register,
  startGatewayUnderTest,
} from "../support/gateway-under-test.ts";
import { newTask } from "../support/samples.ts";

const PAGE = `<!doctype html><meta charset="utf-8"><title>Tasks</title><link rel="icon" href="data:,">
<h1>…</h1><ul></ul><script type="module" src="/page.js"></script>`;

// A client in a real browser: the only one that asks before it sends, and hides what no header lets it show.
describe.runIf(hasChromium)("a page with a client of connect-web", () => {
  let friend: Server;
  let stranger: Server;
  let gateway: GatewayUnderTest;
  let browser: Browser;
  let person: Person;

  beforeAll(async () => {
    const script = await bundlePage();
    [friend, stranger] = await Promise.all([servePage(script), servePage(script)]);
    gateway = await startGatewayUnderTest({ env: { CORS_ORIGINS: originOf(friend) } });
    browser = await launchChromium();
    person = await register(gateway.url, "CLIENT");
    await newTask(gateway.url, person, { title: "Teach a browser gRPC" });
    await newTask(gateway.url, person, { title: "Ümläute & <b>tags</b>" });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    for (const server of [friend, stranger]) server?.close();
  });

  async function open(origin: string, protocol: string, password = person.password) {
    const page = await browser.newPage();
    const requests: string[] = [];
    page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
    const query = new URLSearchParams({ gateway: gateway.url, protocol, email: person.email, password });
    await page.goto(`${origin}/?${query}`);
    await page.waitForSelector("body[data-state]");
    return { page, requests, heading: await page.textContent("h1"), tasks: await tasksOf(page) };
  }

  test.each([
    ["connect", "GET"],
    ["grpc-web", "POST"],
  ])("signs in and shows its tasks, over %s, which lists by %s", async (protocol, method) => {
    const { page, requests, heading, tasks } = await open(originOf(friend), protocol);
    expect(heading).toMatch(/^Person \d+ has 2 tasks$/);
    expect(tasks).toEqual(["Ümläute & <b>tags</b>: 60 to 100", "Teach a browser gRPC: 60 to 100"]);
    expect(requests).toContain("POST /gateway.v1.AuthService/Login");
    expect(requests).toContain(`${method} /gateway.v1.TasksService/ListTasks`);
    if (process.env.SCREENSHOT !== undefined) await page.screenshot({ path: process.env.SCREENSHOT });
    await page.close();
  });

  test.each(["connect", "grpc-web"])("reads why it is refused, over %s", async (protocol) => {
    const { page, heading } = await open(originOf(friend), protocol, "Wrong-horse-1");
    expect(heading).toBe("ConnectError: [unauthenticated] The e-mail address or the password is wrong.");
    await page.close();
  });

  test.each(["connect", "grpc-web"])("of an origin that is not allowed reads nothing, over %s", async (protocol) => {
    const counted = await call(gateway.url, "GET /metrics");
    const { page, heading, tasks } = await open(originOf(stranger), protocol);
    expect(heading).toMatch(/Failed to fetch/);
    expect(tasks).toEqual([]);
    await page.close();
    // The browser asked, was not allowed, and sent nothing after that.
    const logins = ({ body }: { body: string }) =>
      body.split("\n").filter((line) => line.startsWith("gateway_requests_total") && line.includes("Service/Login"));
    expect(logins(await call(gateway.url, "GET /metrics"))).toEqual(logins(counted));
  });
});

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function tasksOf(page: Page): Promise<string[]> {
  return page.locator("li").allTextContents();
}

/** As a web client's own build would do it. */
async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("./page.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  return outputFiles[0]!.text;
}

async function servePage(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
