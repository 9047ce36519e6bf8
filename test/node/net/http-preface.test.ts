import { expect, test } from "vitest";
import { protocolOf } from "#src/node/net/http-preface.ts";

test.each<[bytes: string, expected: string | undefined, why: string]>([
  ["", undefined, "nothing has come"],
  ["P", undefined, "POST or PRI"],
  ["PRI * HTTP/2.0\r\n", undefined, "not yet all of the preface"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "h2c", "all of it"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004", "h2c", "and the first frame with it"],
  ["PO", "http/1.1", "POST"],
  ["GET / HTTP/1.1\r\n", "http/1.1", "another method"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\nX", "http/1.1", "leaves the preface late"],
  ["\u0016\u0003\u0001", "http/1.1", "TLS, which the HTTP/1.1 parser refuses"],
])("%j is %s: %s", (bytes, expected) => {
  expect(protocolOf(Buffer.from(bytes, "latin1"))).toBe(expected);
});
