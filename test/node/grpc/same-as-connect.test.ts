import { constants, type OutgoingHttpHeaders } from "node:http2";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answer,
  answerWell,
  type Behaviour,
  dropConnection,
  dropConnectionInAnswer,
  envelope,
  goAwayDuringCall,
  goodEnvelope,
  hang,
  hangAfterHeaders,
  hangInMessage,
  type MisbehavingGrpcServer,
  proxyAnswer,
  refuse,
  resetConnection,
  resetStream,
  resetStreamAfterHeaders,
  startMisbehavingGrpcServer,
} from "../../support/misbehaving-grpc-server.ts";
import { startRawServer } from "../../support/raw-server.ts";
import {
  type CallOptions,
  openConnects,
  openOurs,
  outcomeOfCall,
  READ_MAX_BYTES,
} from "../../support/unary-transports.ts";

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = constants;
const SEEN = 2 ** 31 - 1;
const SHORT_MS = 300;

/** A message of so many bytes: a field that nobody knows, and its length in three bytes. */
function messageOf(bytes: number): Buffer {
  const length = bytes - 4;
  const head = [0x7a, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length)]);
}

const HANGS: readonly (readonly [what: string, behave: Behaviour])[] = [
  ["silence", hang],
  ["silence after headers", hangAfterHeaders],
  ["silence in a message", hangInMessage],
];

const STATUSES = ["0", "1", "5", "16", "17", "99", "-1", "abc", "", "00", "5abc", "0x5", "5, 5", " 5 "];

const BEHAVIOURS: readonly (readonly [what: string, behave: Behaviour])[] = [
  ["a good answer", answerWell],
  ...[200, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504].map(
    (status) => [`a proxy's ${status}`, proxyAnswer(status)] as const,
  ),
  ["a dropped connection", dropConnection],
  ["a reset connection", resetConnection],
  ["a connection dropped in the answer", dropConnectionInAnswer],
  // 0 is told apart below; 14 is no code of HTTP/2.
  ...Array.from({ length: 14 }, (_, n) => [`RST_STREAM ${n + 1}`, resetStream(n + 1)] as const),
  ...Array.from({ length: 15 }, (_, n) => [`RST_STREAM ${n} in a message`, resetStreamAfterHeaders(n)] as const),
  ...[NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM].flatMap((code) =>
    [0, SEEN].map(
      (lastStreamId) => [`GOAWAY ${code}, ${lastStreamId}`, goAwayDuringCall(code, { lastStreamId })] as const,
    ),
  ),
  ["GOAWAY and an answer", goAwayDuringCall(NGHTTP2_NO_ERROR, { lastStreamId: SEEN, thenAnswer: true })],
  ["no trailers", answer({ trailers: null })],
  ["nothing at all", answer({ trailers: null, body: Buffer.alloc(0) })],
  ["trailers without grpc-status", answer({ trailers: { x: "1" } })],
  ["OK without a message", answer({ body: Buffer.alloc(0) })],
  ["OK in the headers", refuse(0, "fine")],
  ["OK in the headers, and a message", answer({ headers: { "grpc-status": "0" }, trailers: null })],
  ["an error in the headers, and a message", answer({ headers: { "grpc-status": "5" } })],
  ["an empty message", answer({ body: envelope(Buffer.alloc(0)) })],
  ["bytes that are not protobuf", answer({ body: envelope(Buffer.from("garbage!")) })],
  ["a message cut short inside", answer({ body: envelope(goodEnvelope.subarray(5, -2)) })],
  ["an envelope that promises more than comes", answer({ body: envelope(Buffer.from("abc"), { length: 100 }) })],
  ["an envelope of 4 GiB", answer({ body: envelope(Buffer.from("abc"), { length: 2 ** 32 - 1 }) })],
  ["4 GiB behind a message", answer({ body: Buffer.concat([goodEnvelope, Buffer.alloc(5, 255)]) })],
  ["3 bytes of an envelope", answer({ body: goodEnvelope.subarray(0, 3) })],
  ["the 5 bytes before a message", answer({ body: goodEnvelope.subarray(0, 5) })],
  ["two messages", answer({ body: Buffer.concat([goodEnvelope, goodEnvelope]) })],
  ["a compressed flag", answer({ body: envelope(Buffer.from("abc"), { flags: 1 }) })],
  ["a flag that nobody knows", answer({ body: envelope(goodEnvelope.subarray(5), { flags: 2 }) })],
  ...["gzip", "identity", "Identity", "zstd", ""].map(
    (encoding) => [`encoding "${encoding}"`, answer({ headers: { "grpc-encoding": encoding } })] as const,
  ),
  ...[
    "application/grpc",
    "application/grpc+json",
    "application/GRPC+proto",
    "application/grpc-web",
    "application/grpc; a=b",
    "text/html",
    "",
  ].map((type) => [`content type "${type}"`, answer({ headers: { "content-type": type } })] as const),
  ["a message of just as much as is taken", answer({ body: envelope(messageOf(READ_MAX_BYTES)) })],
  ["a message of a byte more", answer({ body: envelope(messageOf(READ_MAX_BYTES + 1)) })],
  ...STATUSES.flatMap((status) => [
    [`grpc-status "${status}" at once`, refuse(status, "hi%20there", { "x-more": "a" })] as const,
    [
      `grpc-status "${status}" after a message`,
      answer({ trailers: { "grpc-status": status, "grpc-message": "hi%20there" } }),
    ] as const,
    [
      `grpc-status "${status}" after headers`,
      answer({ trailers: { "grpc-status": status }, body: Buffer.alloc(0) }),
    ] as const,
  ]),
  // grpc-status says that all is well, the details say NOT_FOUND.
  ["two opinions", answer({ trailers: { "grpc-status": "0", "grpc-status-details-bin": "CAUSAWE" } })],
  ...["!!!", "/////w", "CGMSAWE", "CAUSAWEaBgoBdBIBYg", "CAASAWE", ""].flatMap((details) => [
    [`details "${details}" at once`, refuse(5, "x", { "grpc-status-details-bin": details })] as const,
    [
      `details "${details}" in trailers`,
      answer({ trailers: { "grpc-status": "5", "grpc-status-details-bin": details } }),
    ] as const,
  ]),
];

/** How our call ends, and how Connect's does, each on a connection that is made already. */
async function bothOutcomes(
  server: MisbehavingGrpcServer,
  behave: Behaviour,
  options: CallOptions = {},
): Promise<[ours: object, connects: object]> {
  const outcomes: object[] = [];
  for (const open of [openOurs, openConnects]) {
    const under = open(server.url);
    await outcomeOfCall(under);
    server.misbehaveOnce(behave);
    outcomes.push(await outcomeOfCall(under, options));
    under.sessions.abort();
  }
  return outcomes as [object, object];
}

const [HEADERS, RST_STREAM, SETTINGS] = [1, 3, 4];

/** A frame of HTTP/2. */
function frame(type: number, flags: number, streamId: number, payload: readonly number[]): number[] {
  return [0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, streamId, ...payload];
}

/** A header for HPACK, in letters. */
function literal(name: string, value: string): number[] {
  return [0, name.length, ...Buffer.from(name), value.length, ...Buffer.from(value)];
}

/** A service that refuses its first two calls by their headers, the second with more in the same packet. */
async function startRefusing(more: readonly number[]): Promise<string> {
  const [endStream, endHeaders] = [1, 4];
  const block = [0x88, ...literal("content-type", "application/grpc"), ...literal("grpc-status", "5")];
  const refusal = (streamId: number) => frame(HEADERS, endStream | endHeaders, streamId, block);
  const { port } = await startRawServer((socket) => {
    socket.write(Buffer.from(frame(SETTINGS, 0, 0, [])));
    let seen = Buffer.alloc(0);
    let next = 1;
    socket.on("data", (chunk) => {
      seen = Buffer.concat([seen, chunk]);
      // A frame of HEADERS with the stream's number.
      if (!seen.includes(Buffer.from([HEADERS, endHeaders, 0, 0, 0, next]))) return;
      socket.write(Buffer.from([...refusal(next), ...(next === 3 ? more : [])]));
      next += 2;
    });
  });
  return `http://127.0.0.1:${port}`;
}

describe("a call ends as Connect's does", () => {
  test.each(BEHAVIOURS)("%s", async (_what, behave) => {
    const server = await startMisbehavingGrpcServer();
    const [ours, connects] = await bothOutcomes(server, behave);
    expect(ours).toEqual(connects);
  });

  // What a service does that need not read all of a request to refuse it.
  test.each([
    ["", []],
    [" and RST_STREAM NO_ERROR", frame(RST_STREAM, 0, 3, [0, 0, 0, 0])],
    [" and RST_STREAM CANCEL", frame(RST_STREAM, 0, 3, [0, 0, 0, 8])],
  ])("a refusal%s while the request is on its way, all in one packet", async (_what, more) => {
    const input = { userId: "x".repeat(1_000_000) };
    const outcomes: object[] = [];
    for (const open of [openOurs, openConnects]) {
      const url = await startRefusing(more);
      const under = open(url);
      await outcomeOfCall(under);
      outcomes.push(await outcomeOfCall(under, { input }));
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(outcomes[0]).toMatchObject({ code: Code.NotFound, isWireError: true });
  });

  test.each(HANGS)("%s", async (_what, behave) => {
    const server = await startMisbehavingGrpcServer();
    const [ours, connects] = await bothOutcomes(server, behave, { timeoutMs: SHORT_MS });
    expect(ours).toEqual(connects);
    expect(ours).toMatchObject({ forClient: "DEADLINE_EXCEEDED" });
  });
});

describe("a call ends better than Connect's", () => {
  test("where a status has a message that cannot be decoded: the status counts", async () => {
    const server = await startMisbehavingGrpcServer();
    for (const behave of [
      refuse(5, "100% wrong %zz%C3%A9%C3"),
      answer({ trailers: { "grpc-status": "5", "grpc-message": "100% wrong %zz%C3%A9%C3" } }),
    ]) {
      const [ours, connects] = await bothOutcomes(server, behave);
      expect(connects).toMatchObject({ code: Code.Unknown, text: "URI malformed", forClient: "UPSTREAM_ERROR" });
      const text = "100% wrong %zz\u00e9\ufffd";
      expect(ours).toMatchObject({ code: Code.NotFound, text, isWireError: true, forClient: "NOT_FOUND" });
    }
  });

  test("where a stream is reset with NO_ERROR before anything came: nobody waits for the deadline", async () => {
    const server = await startMisbehavingGrpcServer();
    const [ours, connects] = await bothOutcomes(server, resetStream(NGHTTP2_NO_ERROR), { timeoutMs: SHORT_MS });
    expect(connects).toMatchObject({ code: Code.DeadlineExceeded, kind: "final" });
    expect(ours).toMatchObject({ code: Code.Internal, kind: "lost", forClient: "UPSTREAM_ERROR" });
  });
});

/** What headers and trailers may say, rightly or not. */
const aStatus = fc.oneof(
  { weight: 9, arbitrary: fc.constant("0") },
  { weight: 9, arbitrary: fc.constantFrom(...STATUSES) },
  fc.constant(["0", "5"]),
);
const aText = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."aé %\u00ff:,"), maxLength: 8 }).filter(canBeDecoded),
  fc.string({ unit: "binary", maxLength: 8 }).map(encodeURIComponent),
);
const someDetails = fc.oneof(
  fc.constantFrom("CAUSAWEaBgoBdBIBYg", "CAASAWE", "!!!"),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("base64")),
);
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, arbitrary);
const often = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const metadata = fc.record({
  "x-more": rarely(fc.oneof(fc.constantFrom("a", "b, c"), fc.constant(["a", "b"]))),
  "grpc-status-details-bin": rarely(someDetails),
});
const trailers = fc
  .tuple(
    fc.record({
      "grpc-status": fc.oneof({ weight: 9, arbitrary: aStatus }, fc.constant(undefined)),
      "grpc-message": often(aText),
    }),
    metadata,
  )
  .map((records) => told(...records));
const headers = fc
  .tuple(
    fc.record({
      ":status": fc.oneof(
        { weight: 9, arbitrary: fc.constant(200) },
        fc.integer({ min: 200, max: 599 }).filter(mayHaveBody),
      ),
      "content-type": fc.constantFrom(
        ...Array(9).fill("application/grpc"),
        "application/grpc+proto",
        "application/grpc+json",
        "text/html",
        "application/grpc-web",
      ),
      "grpc-encoding": rarely(fc.constantFrom("identity", "gzip", "")),
      "grpc-status": rarely(aStatus),
      "grpc-message": rarely(aText),
    }),
    metadata,
  )
  .map((records) => told(...records));

const goodPart = fc.constantFrom(goodEnvelope, envelope(Buffer.alloc(0)), envelope(messageOf(20_000)));
const flags = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 255 }));
const bytes = fc.uint8Array({ maxLength: 40 });
const oddPart = fc.oneof(
  fc.tuple(bytes, flags).map(([message, flags]) => envelope(message, { flags })),
  fc.tuple(bytes, fc.nat(60)).map(([message, length]) => envelope(message, { length })),
  bytes.map((raw) => Buffer.from(raw)),
);
const body = fc
  .oneof(
    { weight: 5, arbitrary: goodPart.map((part) => [part]) },
    fc.array(goodPart, { maxLength: 2 }),
    fc.tuple(fc.array(goodPart, { maxLength: 2 }), oddPart).map(([good, odd]) => [...good, odd]),
  )
  .map((parts) => Buffer.concat(parts))
  .filter((bytes) => !isTooLargeLater(bytes));

const anAnswer = fc.record({
  early: fc.boolean(),
  headers,
  body,
  /** Where the body is cut into frames. */
  cuts: fc.array(fc.nat(30_000), { maxLength: 4 }),
  trailers: fc.oneof({ weight: 9, arbitrary: trailers }, fc.constant(null)),
});

test("whatever a service answers, a call ends as Connect's does", async () => {
  const server = await startMisbehavingGrpcServer();
  const [ours, connects] = [openOurs(server.url), openConnects(server.url)];
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(anAnswer, async (said) => {
      server.misbehave(saying(said));
      const [our, their] = await Promise.all([outcomeOfCall(ours), outcomeOfCall(connects)]);
      expect(our).toEqual(their);
      const end = "message" in our ? "an answer" : JSON.stringify(our, ["code", "isWireError"]);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }),
    { numRuns: 1_000 },
  );
  expect(ends.get("an answer"), "not all of it was nonsense").toBeGreaterThan(10);
  expect(ends.size, "and it was of many kinds").toBeGreaterThan(6);
});

type Said = typeof anAnswer extends fc.Arbitrary<infer T> ? T : never;

function saying({ early, headers, body, cuts, trailers }: Said): Behaviour {
  return (stream) => {
    if (early) stream.additionalHeaders({ ":status": 103 });
    stream.respond(headers, { waitForTrailers: trailers !== null });
    if (trailers !== null) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    let from = 0;
    for (const to of [...cuts].sort((a, b) => a - b)) {
      if (to > from && to < body.byteLength) stream.write(body.subarray(from, to));
      if (to > from) from = Math.min(to, body.byteLength);
    }
    stream.end(body.subarray(from));
  };
}

/** Without what is undefined. */
function told(...records: readonly object[]): OutgoingHttpHeaders {
  const entries = records.flatMap((record) => Object.entries(record));
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/**
 * Whether an envelope behind the first promises too much. Connect looks at every head of a packet before it looks at the
 * first message, so which fault it finds depends on how the bytes fall into packets.
 */
function isTooLargeLater(bytes: Buffer): boolean {
  for (let at = 0; at + 5 <= bytes.byteLength; at += 5 + bytes.readUInt32BE(at + 1)) {
    if (at > 0 && bytes.readUInt32BE(at + 1) > READ_MAX_BYTES) return true;
  }
  return false;
}

function canBeDecoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

/** Node sends none with these. */
function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}
