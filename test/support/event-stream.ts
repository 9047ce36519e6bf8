import { request as httpRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { expect, onTestFinished } from "vitest";
import { readEvents } from "./server-sent-events.ts";

/** One server-sent event. Its data are JSON, as all of ours. */
export interface SentEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape and assert what they find.
  readonly data: any;
}

/** A stream of events that its server has begun. */
export interface EventStream {
  /** By their lower-case names. */
  readonly headers: IncomingMessage["headers"];
  /** What it begins with: when to come again, in milliseconds. */
  readonly retryMs: number;
  /** The next event. Rejects where none comes for long, and where the stream is over. */
  next(): Promise<SentEvent>;
  /** The events until the server ends the stream. */
  rest(): Promise<readonly SentEvent[]>;
  /** Leaves: by a reset, which every runtime notices, unless told. */
  close(way?: "resetAndDestroy" | "destroy"): void;
}

export interface EventStreamOptions {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Far more than anything here takes, and less than a test may. */
const PATIENCE_MS = 20_000;

/** Opens a stream of events, which must succeed. It is closed with the test at the latest. */
export async function openEvents(url: string, path: string, options: EventStreamOptions = {}): Promise<EventStream> {
  const { token, headers } = options;
  const response = await bounded(
    new Promise<IncomingMessage>((resolve, reject) => {
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      // No agent: closing this stream is closing its connection.
      const sent = httpRequest(`${url}${path}`, { agent: false, headers: { ...authorization, ...headers } }, resolve);
      sent.on("error", reject).end();
    }),
  );
  const close: EventStream["close"] = (way = "resetAndDestroy") => response.socket[way]();
  onTestFinished(() => close());
  if (response.statusCode !== 200) expect.fail(`${path}: ${response.statusCode} ${await bounded(text(response))}`);
  const blocks = readEvents(response.setEncoding("utf8"));
  const block = async () => (await blocks.next()).value ?? undefined;

  const beginning = await bounded(block());
  expect(beginning, "a stream begins with when to come again").toEqual({ retryMs: expect.any(Number) });
  const unhurried = async (): Promise<SentEvent | undefined> => {
    for (;;) {
      const next = await block();
      if (next === undefined) return undefined;
      const { id, event, data } = next;
      // A comment shows that somebody is there, and tells nothing.
      if (data !== undefined) return { id, event, data: JSON.parse(data) };
    }
  };
  const nextOrEnd = () => bounded(unhurried());
  return {
    headers: response.headers,
    retryMs: beginning!.retryMs!,
    async next() {
      return (await nextOrEnd()) ?? expect.fail("the stream is over");
    },
    async rest() {
      const events: SentEvent[] = [];
      for (let event = await nextOrEnd(); event !== undefined; event = await nextOrEnd()) events.push(event);
      return events;
    },
    close,
  };
}

async function bounded<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("nothing came of the stream")), PATIENCE_MS);
  });
  return Promise.race([work, tooLate]).finally(() => clearTimeout(timer));
}
