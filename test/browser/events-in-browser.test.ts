import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, launchChromium } from "../support/chromium.ts";
import { call, type GatewayUnderTest, register, startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { newDeveloper, newSkill, newTask } from "../support/samples.ts";

// EventSource cannot send a token, so a page reads the stream with fetch: across origins, with two headers that need leave.
describe.runIf(hasChromium)("a page that listens to events with fetch", () => {
  let server: Server;
  let origin: string;
  let gateway: GatewayUnderTest;
  let browser: Browser;

  beforeAll(async () => {
    server = createServer((_request, response) => response.end("<!doctype html><title>Events</title>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    gateway = await startGatewayUnderTest({ env: { CORS_ORIGINS: origin } });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    server?.close();
  });

  test("hears what happens while it happens, and after a break what it has missed, and nothing twice", async () => {
    const { url } = gateway;
    const skill = newSkill();
    const developer = await newDeveloper(url, { skill_tags: [skill], presence: "SEARCHING" });
    const client = await register(url, "CLIENT");
    const propose = async (title: string) => {
      const taskId = await newTask(url, client, { title, skill_tags: [skill] });
      const { status } = await call(url, `POST /api/v1/matching/tasks/${taskId}/start`, { token: client.token });
      expect(status).toBe(201);
    };

    const page = await browser.newPage();
    await page.goto(origin);
    const events = `${url}/api/v1/matching/proposals/events`;
    await page.evaluate(listen, { events, token: developer.token });
    await propose("Heard at once");
    await page.waitForFunction(() => document.title === "Heard at once");
    const lastEventId = await page.evaluate(() => document.body.dataset.lastEventId!);
    await page.reload();
    await propose("Missed");
    await page.evaluate(listen, { events, token: developer.token, lastEventId });
    await page.waitForFunction(() => document.title === "Missed");
    expect(await page.evaluate(() => document.body.dataset.heard)).toBe("1");
    await page.close();
  });
});

/** Runs in the page, so it can use nothing from outside: shows the newest event's task as the page's title. */
async function listen({
  events,
  token,
  lastEventId,
}: {
  readonly events: string;
  readonly token: string;
  readonly lastEventId?: string;
}): Promise<void> {
  const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
  if (lastEventId !== undefined) headers["Last-Event-ID"] = lastEventId;
  const response = await fetch(events, { headers });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let heard = 0;
  void (async () => {
    let unread = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (unread + value).split("\n\n");
      unread = blocks.pop()!;
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data === undefined) continue;
        heard += 1;
        document.body.dataset.heard = String(heard);
        document.body.dataset.lastEventId = /^id: (.*)$/m.exec(block)![1];
        document.title = JSON.parse(data).proposal.task_title;
      }
    }
  })();
}
