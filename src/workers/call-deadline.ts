import { Code, ConnectError } from "@connectrpc/connect";

/** The end of a call that may be before its answer. */
export interface CallDeadline {
  /** Fires when the time is over or the caller leaves. */
  readonly signal: AbortSignal;
  /** As the service is told it; undefined where there is none. */
  readonly timeoutMs: number | undefined;
  /** What a call has failed with: the deadline, the caller's leaving, or what was thrown. */
  errorOf(thrown: unknown): ConnectError;
  /** To be called when the call is over. */
  end(): void;
}

/** A limit that is undefined or not above 0 is none, as everywhere in Connect. */
export function startDeadline(caller: AbortSignal | undefined, limitMs = 0): CallDeadline {
  const timeoutMs = limitMs > 0 ? limitMs : undefined;
  const controller = new AbortController();
  const leave = () => controller.abort();
  if (caller?.aborted) leave();
  caller?.addEventListener("abort", leave);
  let late = false;
  const onTime = () => {
    late = true;
    controller.abort();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(onTime, timeoutMs);
  return {
    signal: controller.signal,
    timeoutMs,
    errorOf(thrown) {
      if (late) return new ConnectError("the operation timed out", Code.DeadlineExceeded);
      if (caller?.aborted) {
        return new ConnectError("the caller left", Code.Canceled, undefined, undefined, caller.reason);
      }
      return ConnectError.from(thrown);
    },
    end() {
      if (timer !== undefined) clearTimeout(timer);
      caller?.removeEventListener("abort", leave);
    },
  };
}
