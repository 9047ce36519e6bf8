import { type RawServer, startRawServer } from "./raw-server.ts";

/** What the fake does with one command: raw RESP, silence, or the end of the connection. */
export type FakeReply = string | "silence" | "cut";

/** A server that speaks Redis' protocol and says what a test wants. It answers INFO and SELECT by itself. */
export function startFakeRedis(answer: (command: readonly string[]) => FakeReply): Promise<RawServer> {
  return startRawServer((socket) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const parsed = parseCommand(rest);
        if (parsed === undefined) return;
        rest = parsed.rest;
        const reply = handshake(parsed.command) ?? answer(parsed.command);
        if (reply === "cut") return void socket.destroy();
        if (reply !== "silence") socket.write(reply);
      }
    });
  });
}

function handshake([name = ""]: readonly string[]): string | undefined {
  switch (name.toLowerCase()) {
    case "info":
      return "$20\r\nredis_version:7.0.15\r\n";
    case "select":
      return "+OK\r\n";
    default:
      return undefined;
  }
}

/** The first whole command: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`. */
function parseCommand(bytes: Buffer): { readonly command: string[]; readonly rest: Buffer } | undefined {
  let at = 0;
  const line = () => {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const text = bytes.toString("utf8", at, end);
    at = end + 2;
    return text;
  };
  const head = line();
  if (head === undefined) return undefined;
  const command: string[] = [];
  for (let count = Number(head.slice(1)); count > 0; count -= 1) {
    const length = line();
    if (length === undefined) return undefined;
    const end = at + Number(length.slice(1));
    if (bytes.length < end + 2) return undefined;
    command.push(bytes.toString("utf8", at, end));
    at = end + 2;
  }
  return { command, rest: bytes.subarray(at) };
}
