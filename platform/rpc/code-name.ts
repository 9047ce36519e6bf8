import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";

/** A code by gRPC's own name, `NOT_FOUND`; it spells cancelled with two l, which Connect does not. */
export function codeName(code: Code): string {
  return code === Code.Canceled ? "CANCELLED" : codeToString(code).toUpperCase();
}
