import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";

/** Expects a call to be refused with a code, and a message that tells why. */
export async function expectRefusal(call: Promise<unknown>, code: Code, message: RegExp | string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => ConnectError.from(reason),
  );
  expect(error && { code: Code[error.code], message: error.rawMessage }).toEqual({
    code: Code[code],
    message: typeof message === "string" ? message : expect.stringMatching(message),
  });
}
