import { Code, ConnectError } from "@connectrpc/connect";
import { GatewayError } from "../errors.ts";
import type { Call } from "./call.ts";
import { toUpstreamError } from "./upstream-errors.ts";

/** Does the work of a key. `signal` fires when nobody waits for it any more. */
type Work<T> = (signal: AbortSignal) => Promise<T>;

interface Running<T> {
  readonly outcome: Promise<T>;
  readonly abandon: AbortController;
  waiting: number;
}

/**
 * Work that several calls wait for together ("single flight"). Each waits no longer than its own deadline and its own
 * client do; when the last one has gone, the work is told to stop.
 *
 * The first call's deadline is the work's, since the service must be told what is left. So a call that comes later may
 * see the work run out of time while it has some itself: it then does the work anew, once, with its own deadline.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits for the key's work, which `work` begins if nobody has. `joined` tells that somebody had. */
  async do(key: string, call: Call, work: Work<T>): Promise<{ result: T; joined: boolean }> {
    const joined = this.#running.has(key);
    try {
      return { result: await this.#join(key, call, work), joined };
    } catch (error) {
      const over = call.signal.aborted || this.#now() >= call.deadlineAtMs;
      if (!joined || over || !ranOutOfTime(error)) throw error;
      return { result: await this.#join(key, call, work), joined };
    }
  }

  /** Lets no later call wait for what runs now: its answer is old. Those who wait already get it. */
  forget(key: string): void {
    this.#running.delete(key);
  }

  #join(key: string, call: Call, work: Work<T>): Promise<T> {
    const running = this.#running.get(key) ?? this.#begin(key, work);
    return this.#wait(key, running, call);
  }

  #begin(key: string, work: Work<T>): Running<T> {
    const abandon = new AbortController();
    const outcome = work(abandon.signal).finally(() => this.#leave(key, running));
    // Everybody may have gone by the time it fails.
    outcome.catch(() => {});
    const running: Running<T> = { outcome, abandon, waiting: 0 };
    this.#running.set(key, running);
    return running;
  }

  #leave(key: string, running: Running<T>): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
  }

  #wait(key: string, running: Running<T>, call: Call): Promise<T> {
    running.waiting += 1;
    return new Promise<T>((resolve, reject) => {
      let waits = true;
      const leave = (): boolean => {
        if (!waits) return false;
        waits = false;
        clearTimeout(timer);
        call.signal.removeEventListener("abort", gone);
        running.waiting -= 1;
        return true;
      };
      const stop = (reason: unknown) => {
        if (!leave()) return;
        reject(toUpstreamError(reason, call));
        if (running.waiting > 0) return;
        this.#leave(key, running);
        running.abandon.abort();
      };
      const gone = () => stop(call.signal.reason);
      const tooLate = () => stop(new ConnectError("no time left", Code.DeadlineExceeded));
      const timer = setTimeout(tooLate, Math.max(0, call.deadlineAtMs - this.#now()) + SLACK_MS);
      call.signal.addEventListener("abort", gone, { once: true });
      running.outcome.then(
        (result) => leave() && resolve(result),
        (error: unknown) => leave() && reject(error),
      );
      if (call.signal.aborted) gone();
    });
  }
}

/**
 * The work has the same deadline as the call that began it, and should be the one to say so: a work that is told to stop
 * instead looks as if a client had left, and no breaker hears of a service that hangs.
 */
const SLACK_MS = 25;

function ranOutOfTime(error: unknown): boolean {
  return error instanceof GatewayError && error.errorCode === "DEADLINE_EXCEEDED";
}
