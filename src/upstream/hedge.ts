import type { Message } from "@bufbuild/protobuf";
import type { Call, CallStep } from "./call.ts";
import { failureKindOf } from "./failure-kind.ts";
import { noteRepetition, pushbackOf, type RepeatOptions } from "./retry.ts";

/**
 * Makes a call a second time where its policy has `hedge_after_ms` and no answer has come by then, or where the first
 * attempt failed in a way that another may not (gRFC A6, "Hedging Policy"). The first good answer is taken and the other
 * attempt cancelled. An answer that is final, such as NOT_FOUND, ends both.
 *
 * Every second attempt is paid for from the budget of the retries: a service whose answers all come late would otherwise
 * be asked twice as much, and become later still.
 */
export function hedge(options: RepeatOptions, next: CallStep): CallStep {
  return (call) => {
    const { hedgeAfterMs } = call.settings;
    return hedgeAfterMs === undefined || call.isProbe ? next(call) : race(call, hedgeAfterMs, options, next);
  };
}

function race(call: Call, hedgeAfterMs: number, options: RepeatOptions, next: CallStep): Promise<Message> {
  const { budget, sleep, now } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([call.signal, over.signal]);

  return new Promise((resolve, reject) => {
    let started = 0;
    let running = 0;
    const settle = (how: () => void) => {
      how();
      over.abort();
    };
    const start = () => {
      started += 1;
      running += 1;
      next({ ...call, attempt: started, signal }).then((answer) => {
        budget.noteSuccess();
        settle(() => resolve(answer));
      }, fail);
    };
    const startSecond = (reason: Parameters<typeof noteRepetition>[2]): boolean => {
      if (started > 1 || signal.aborted || !budget.allows() || now() >= call.deadlineAtMs) return false;
      budget.spend();
      noteRepetition(options, call, reason);
      start();
      return true;
    };
    const fail = (error: unknown) => {
      running -= 1;
      const kind = failureKindOf(error);
      const mayHelp = kind !== "final" && pushbackOf(error) === undefined && !signal.aborted;
      if (mayHelp && (startSecond(kind) || running > 0)) return;
      settle(() => reject(error));
    };
    start();
    sleep(hedgeAfterMs, signal).then(
      () => startSecond("slow"),
      () => {},
    );
  });
}
