import { VERSION } from "../version.ts";
import { describeChain } from "./error-event.ts";
import { describeError, type Logger } from "./logger.ts";
import { methodLabel } from "./method-label.ts";

/** Where an error was when nobody had expected it. */
export type ErrorOrigin =
  | {
      readonly kind: "request";
      readonly requestId: string;
      /** The template, never a path. */
      readonly route: string;
      readonly method: string;
    }
  /** Nobody caught it, and the process ends. */
  | { readonly kind: "process"; readonly event: string };

/** Tells somebody of errors that are bugs of ours. Not of refusals, and not of what services fail at. */
export interface ErrorReporter {
  /** Takes no time and never throws. */
  report(thrown: unknown, origin: ErrorOrigin): void;
}

/** Where nobody asked for reports. */
export const NO_ERROR_REPORTS: ErrorReporter = { report: () => {} };

export interface ErrorReporterOptions {
  /** Sentry's address with its public key, as configured; undefined: nothing is ever sent. */
  readonly dsn: string | undefined;
  /** E.g. `production`, which Sentry assumes unless told. */
  readonly environment: string | undefined;
  readonly runtime: "node" | "workerd";
  readonly fetch: typeof fetch;
  /** Keeps work alive that goes on after the answer. */
  readonly keepAlive: (work: Promise<void>) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** Also what a stopping process waits for at most. */
const SEND_TIMEOUT_MS = 2_000;
/** An error that every request meets is known after the first few reports, and the log has all of it. */
const MAX_PER_MINUTE = 20;
const MAX_IN_FLIGHT = 5;

/**
 * Sends errors to Sentry, or to what speaks its envelope protocol, from any runtime.
 *
 * A report has what finds the bug: the error's class, stack and message in plain words, the request's id, route and
 * method, release, runtime and environment. Of what a client or a service sent it has nothing but that id, where the
 * client has made it up: a few characters that name things.
 *
 * Our own, against the house's rule, by figures. toucan-js 4.1.1 is 19 KiB of a Worker's gzipped bundle, half of it
 * undone by what must not be sent from here, and its author has given it up (robertcepa/toucan-js#250); wrangler can keep
 * it out of the main module, but only as a file that is built before wrangler, the tests and the types look for it. The
 * parts of @sentry/core that we would use are 3 KiB there, and bring 27 MB of memory to a Node process that is not
 * bundled. What they would do here is one POST.
 */
export function createErrorReporter(options: ErrorReporterOptions): ErrorReporter {
  const { dsn, fetch, keepAlive, now, logger } = options;
  if (dsn === undefined) return NO_ERROR_REPORTS;
  const endpoint = envelopeEndpoint(dsn);
  const admit = createLimit(now);

  const send = async (envelope: string, done: () => void) => {
    try {
      const response = await fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/x-sentry-envelope" },
        body: envelope,
        redirect: "manual",
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      // An answer that nobody reads keeps its connection.
      await response.body?.cancel();
      if (!response.ok) logger.log("warn", "an error report was refused", { status_code: response.status });
    } catch (error) {
      logger.log("warn", "an error report was lost", { error: describeError(error) });
    } finally {
      done();
    }
  };

  return {
    report(thrown, origin) {
      try {
        const done = admit();
        if (done !== undefined) keepAlive(send(envelopeOf(thrown, origin, options), done));
      } catch (error) {
        logger.log("warn", "an error report was lost", { error: describeError(error) });
      }
    },
  };
}

/** `https://key@host/path/42` takes envelopes at `https://host/path/api/42/envelope/`. */
function envelopeEndpoint(dsn: string): string {
  const { origin, username, pathname } = new URL(dsn);
  const slash = pathname.lastIndexOf("/");
  const [path, project] = [pathname.slice(0, slash), pathname.slice(slash + 1)];
  return `${origin}${path}/api/${project}/envelope/?sentry_version=7&sentry_key=${username}`;
}

/** Three lines of JSON: the envelope's head, the item's head, the event. */
function envelopeOf(thrown: unknown, origin: ErrorOrigin, options: ErrorReporterOptions): string {
  const { now, runtime, environment } = options;
  const at = new Date(now()).toISOString();
  const eventId = crypto.randomUUID().replaceAll("-", "");
  const inRequest = origin.kind === "request";
  const values = describeChain(thrown);
  const event = {
    event_id: eventId,
    timestamp: at,
    platform: runtime === "node" ? "node" : "javascript",
    level: inRequest ? "error" : "fatal",
    release: `devmatch-gateway@${VERSION}`,
    ...(environment !== undefined && { environment }),
    ...(inRequest && { transaction: `${methodLabel(origin.method)} ${origin.route}` }),
    tags: inRequest
      ? { runtime, request_id: origin.requestId, route: origin.route, method: methodLabel(origin.method) }
      : { runtime },
    exception: {
      values: values.map((value, index) =>
        index < values.length - 1
          ? value
          : { ...value, mechanism: { type: inRequest ? "generic" : origin.event, handled: inRequest } },
      ),
    },
  };
  return [{ event_id: eventId, sent_at: at }, { type: "event" }, event].map((line) => JSON.stringify(line)).join("\n");
}

/**
 * Answers what to call when a report is done, or undefined for one too many. A report that never says so, since the
 * runtime ended its request, is taken for done when its time is over.
 */
function createLimit(now: () => number): () => (() => void) | undefined {
  let sent: { readonly atMs: number; done: boolean }[] = [];
  return () => {
    const nowMs = now();
    sent = sent.filter(({ atMs }) => nowMs - atMs < 60_000);
    const inFlight = sent.filter(({ atMs, done }) => !done && nowMs - atMs <= SEND_TIMEOUT_MS);
    if (sent.length >= MAX_PER_MINUTE || inFlight.length >= MAX_IN_FLIGHT) return undefined;
    const report = { atMs: nowMs, done: false };
    sent.push(report);
    return () => {
      report.done = true;
    };
  };
}
