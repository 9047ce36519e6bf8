import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { UserService } from "../../src/gen/platform/users/v1/users_pb.ts";
import { readEnvelopes, readWhole } from "../../src/workers/bounded-body.ts";
import { createWorkersTransport } from "../../src/workers/transports.ts";

/** A body that comes in pieces of this size. */
function inPieces(bytes: readonly number[], size: number): ReadableStream<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(Uint8Array.from(bytes.slice(at, at + size)));
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}

async function envelopesOf(body: ReadableStream<Uint8Array> | null): Promise<readonly number[][]> {
  const envelopes: number[][] = [];
  for await (const { flags, data } of readEnvelopes(body)) envelopes.push([flags, ...data]);
  return envelopes;
}

const envelope = (flags: number, ...data: number[]) => [flags, 0, 0, 0, data.length, ...data];
const MESSAGES = [...envelope(0, 1, 2, 3), ...envelope(0), ...envelope(2, 4, 5)];
const SIZES = MESSAGES.map((_byte, index) => index + 1);

describe("envelopes", () => {
  test.each(SIZES)("are the same in pieces of %i", async (size) => {
    expect(await envelopesOf(inPieces(MESSAGES, size))).toEqual([[0, 1, 2, 3], [0], [2, 4, 5]]);
  });

  test.each([...SIZES.slice(0, 7), 9, 12, 14, 15, 19])("that end after %i bytes fail", async (length) => {
    await expect(envelopesOf(inPieces(MESSAGES.slice(0, length), 4))).rejects.toThrow(/promises more than came/);
  });

  test("are none where there is no body", async () => {
    expect(await envelopesOf(null)).toEqual([]);
  });
});

test.each(SIZES)("a whole body is the same in pieces of %i", async (size) => {
  expect([...(await readWhole(new Response(inPieces(MESSAGES, size))))]).toEqual(MESSAGES);
});

describe("gRPC-Web's one message", () => {
  const END = envelope(0x80, ...new TextEncoder().encode("grpc-status: 0\r\n"));
  test.each<readonly [what: string, body: readonly number[], problem: RegExp]>([
    ["may not be two", [...envelope(0), ...envelope(0), ...END], /second message/],
    ["may not be missing", END, /no message/],
    ["may not follow the end", [...END, ...envelope(0)], /after the end/],
    ["may not have a second end", [...envelope(0), ...END, ...END], /after the end/],
    ["needs an end", envelope(0), /no end/],
    ["may not be compressed", [...envelope(1), ...END], /compressed/],
  ])("%s", async (_what, body, problem) => {
    const headers = { "content-type": "application/grpc-web+proto" };
    const transport = createWorkersTransport(
      { url: "http://users.test", protocol: "grpc-web" },
      { fetch: async () => new Response(inPieces(body, 7), { headers }), bridgeSecret: undefined },
    );
    await expect(createClient(UserService, transport).getUser({})).rejects.toThrow(problem);
  });
});
