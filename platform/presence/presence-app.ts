import { type Context, Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { routePath } from "hono/route";
import { UserTypeSchema } from "#gen/platform/common/v1/common_pb.ts";
import type { Logger } from "../logger.ts";
import { identifier } from "../rpc/rules.ts";
import { parseJson, readText } from "./bounded-body.ts";
import type { PresenceRecords } from "./presence-records.ts";
import { presenceStatus, presenceStatusNames } from "./presence-status.ts";

const maxBodyBytes = 64 * 1024;
const onlineLimits = { default: 100, max: 1000 };
const activityHours = { default: 24, max: 24 * 365 };

/** What the Presence Service works with. */
export interface PresenceAppParts {
  records: PresenceRecords;
  log: Logger;
  now: () => number;
}

/** The Presence Service: JSON over HTTP. A refusal is `{error}`, a sentence. */
export function createPresenceApp({ records, log, now }: PresenceAppParts): Hono {
  const app = new Hono();

  app.use(async (c, next) => {
    const started = performance.now();
    await next();
    const requestId = c.req.header("x-request-id");
    log(c.res.status >= 500 ? "error" : "info", {
      ...(requestId === undefined ? {} : { request_id: requestId.slice(0, 128) }),
      method: c.req.method,
      // The route, not the path: a made-up path is nothing to keep.
      route: routePath(c, -1),
      status_code: c.res.status,
      duration_ms: Math.round((performance.now() - started) * 1000) / 1000,
      ...(c.error === undefined ? {} : { error: c.error.stack }),
    });
  });
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        c.json({ error: "the method is not allowed here" }, 405, { Allow: methods.join(", ") }),
    }),
  );
  app.notFound((c) => c.json({ error: "there is nothing here" }, 404));
  app.onError((_error, c) => c.json({ error: "internal error" }, 500));

  app.get("/healthz", (c) => c.text("ok"));

  app.post("/api/v1/presence", async (c) => {
    if (!/^application\/json\s*(;|$)/i.test(c.req.header("content-type") ?? "")) {
      return c.json({ error: "the body must be application/json" }, 415);
    }
    const text = await readText(c.req.raw.body, maxBodyBytes);
    if (text === undefined) return c.json({ error: `the body must have at most ${maxBodyBytes} bytes` }, 413);
    const body = parseJson(text);
    if (!isObject(body)) return bad(c, "the body must be a JSON object");
    const { user_id: userId, status: given, metadata = {} } = body;
    const status = presenceStatus(given);
    if (typeof userId !== "string" || identifier("user_id", userId)) return bad(c, "user_id must be an id");
    if (status === undefined) return bad(c, `status must be one of ${presenceStatusNames.join(", ")}`);
    if (!isObject(metadata)) return bad(c, "metadata must be an object");
    return c.json(records.report({ userId, status, metadata, now: now() }));
  });

  app.get("/api/v1/presence/online", (c) => {
    const limit = wholeNumber(c.req.query("limit"), onlineLimits);
    if (limit === undefined) return bad(c, `limit must be a whole number from 1 to ${onlineLimits.max}`);
    const type = userType(c.req.query("user_type"));
    if (type === undefined) return bad(c, "user_type must be one of CLIENT, DEVELOPER, ADMIN");
    return c.json(records.listOnline(type, limit));
  });

  app.get("/api/v1/presence/:user_id", (c) => {
    const record = records.find(c.req.param("user_id"));
    return record === undefined ? unknownUser(c) : c.json(record);
  });

  app.get("/api/v1/presence/:user_id/activity", (c) => {
    const userId = c.req.param("user_id");
    const hours = wholeNumber(c.req.query("hours"), activityHours);
    if (hours === undefined) return bad(c, `hours must be a whole number from 1 to ${activityHours.max}`);
    if (records.find(userId) === undefined) return unknownUser(c);
    return c.json(records.listChanges(userId, now() - hours * 3_600_000));
  });

  return app;
}

function bad(c: Context, error: string) {
  return c.json({ error }, 400);
}

function unknownUser(c: Context) {
  return c.json({ error: "nothing is known of this user" }, 404);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The default when absent; undefined when it is no whole number from 1 to the maximum. */
function wholeNumber(text: string | undefined, limits: { default: number; max: number }): number | undefined {
  if (text === undefined) return limits.default;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= limits.max ? value : undefined;
}

/** A kind of account by its short or long name in any case; 0, which is all kinds, when absent. */
function userType(text: string | undefined): number | undefined {
  if (text === undefined) return 0;
  const name = text.toUpperCase().replace(/^USER_TYPE_/, "");
  return UserTypeSchema.values.find(({ localName, number }) => localName === name && number !== 0)?.number;
}
