import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, register } from "../support/gateway-under-test.ts";
import { scrape } from "../support/scrape.ts";
import { type ScriptedGateway, startScriptedGateway } from "../support/scripted-gateway.ts";
import { type ScriptedPresence, startScriptedPresence } from "../support/scripted-presence.ts";
import { UNLIMITED } from "../support/unlimited.ts";
import { cannot } from "./differences.ts";

const SECRET = randomBytes(32).toString("base64url");

type Row = readonly [protocol: "connect" | "grpc-web" | "grpc", verb: "is shown" | "is not shown", why: string];
const ROWS: readonly Row[] = [
  ["connect", "is shown", "a bridge may stand there"],
  ["grpc-web", "is shown", "a bridge may stand there"],
  ["grpc", "is not shown", "it is the service itself"],
];

describe.each(ROWS.filter(([protocol]) => protocol !== "grpc" || !cannot("speak gRPC")))(
  "BRIDGE_SECRET, where services are spoken to by %s, %s: %s",
  (protocol, verb) => {
    const shown = verb === "is shown" ? `Bearer ${SECRET}` : undefined;
    let gateway: ScriptedGateway;
    let presence: ScriptedPresence;
    let answers: string;
    beforeAll(async () => {
      presence = await startScriptedPresence();
      gateway = await startScriptedGateway({
        ...UNLIMITED,
        LOG_LEVEL: "debug",
        UPSTREAM_PROTOCOL: protocol,
        BRIDGE_SECRET: SECRET,
        PRESENCE_SERVICE_URL: presence.url,
      });
      const { url } = gateway;
      const { token, userId, email } = await register(url, "DEVELOPER");
      const body = { display_name: "Secret", email, skill_tags: ["secrets"] };
      const developers = "/api/v1/users/developers";
      const made = [
        await call(url, `POST ${developers}`, { token, body }),
        await call(url, `PUT ${developers}/${userId}/presence`, { token, body: { presence: "SEARCHING" } }),
        await call(url, "GET /api/v1/tasks", { token }),
        await call(url, "GET /api/v1/matching/health", { token }),
      ];
      expect(made.map(({ status }) => status)).toEqual([201, 200, 200, 200]);
      made.push(await call(url, "GET /health/detailed"));
      answers = JSON.stringify(made.map(({ headers, body: told }) => [[...headers], told]));
    });
    afterAll(async () => {
      await gateway.stop();
      await presence.stop();
    });

    test("to every service that is called", () => {
      const { users, tasks, recommendation } = gateway.scripted;
      for (const { arrived } of [users, tasks, recommendation]) {
        expect(arrived.length).toBeGreaterThan(0);
        for (const { header, method } of arrived) expect(header.get("authorization"), method).toBe(shown ?? null);
      }
    });

    test("and to the Presence Service, for its health as well", async () => {
      const paths = () => presence.told.map(({ path }) => path).toSorted();
      await expect.poll(paths, { timeout: 15_000 }).toEqual(["/api/v1/presence", "/healthz"]);
      for (const { headers } of presence.told) expect(headers.authorization).toBe(shown);
    });

    test("and to nobody else: no answer has it, no line of the log, no metric", async () => {
      await gateway.untilLogged();
      const written = [answers, JSON.stringify(gateway.log), JSON.stringify(await scrape(gateway.url))];
      for (const text of written) expect(text).not.toContain(SECRET);
    });
  },
);
