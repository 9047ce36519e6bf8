import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";

/** The longest that a `grpc-timeout` in milliseconds can say, which has 8 digits. Some 27 hours. */
const MAX_TIMEOUT_MS = 99_999_999;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/**
 * Makes the longest of what a caller asked for of anything longer. The protocols allow centuries, and Node's timers
 * take more than 24 days for no time at all: the call would end before it began.
 */
export function boundTimeouts(header: Headers): void {
  const connect = header.get("connect-timeout-ms");
  if (connect !== null && /^\d{9,10}$/.test(connect)) header.set("connect-timeout-ms", String(MAX_TIMEOUT_MS));
  const [, amount, unit = ""] = /^(\d{1,8})([HMS])$/.exec(header.get("grpc-timeout") ?? "") ?? [];
  if (amount !== undefined && Number(amount) * UNIT_MS[unit]! > MAX_TIMEOUT_MS) {
    header.set("grpc-timeout", `${MAX_TIMEOUT_MS}m`);
  }
}

/** What is left of the caller's deadline, and at most the ceiling. Undefined: neither has set an end. */
export function timeLeft(context: HandlerContext, ceilingMs = Number.POSITIVE_INFINITY): number | undefined {
  const leftMs = Math.min(context.timeoutMs() ?? Number.POSITIVE_INFINITY, ceilingMs);
  // A transport would take it for no deadline at all.
  if (leftMs <= 0) throw new ConnectError("the deadline has passed", Code.DeadlineExceeded);
  return leftMs === Number.POSITIVE_INFINITY ? undefined : leftMs;
}
