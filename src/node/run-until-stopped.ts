import type { ErrorReporter } from "../telemetry/error-reports.ts";
import { describeError, type Logger } from "../telemetry/logger.ts";

export interface Stoppable {
  readonly logger: Logger;
  /** Hears of what nobody caught; `stop` waits for it. */
  readonly errorReporter?: ErrorReporter;
  /** Answers whether everything that was running could finish. */
  stop(): Promise<boolean>;
}

/** Ctrl-C in a terminal reaches npm and us, and npm may hand its own on: two signals, one wish. */
const SAME_SIGNAL_MS = 250;

/**
 * Runs until SIGTERM or SIGINT, then stops in order: exit code 0, or 1 when running requests had to be cut. A second
 * signal ends the process at once. An error that nobody caught leaves the process in a state that nobody knows: it is
 * logged, what runs may finish, and the process ends with code 1.
 */
export function runUntilStopped({ logger, errorReporter, stop }: Stoppable): void {
  let stoppingSinceMs: number | undefined;

  const end = async (reason: string, failed: boolean) => {
    if (stoppingSinceMs !== undefined) {
      if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    stoppingSinceMs = performance.now();
    logger.log("info", "stopping", { reason });
    const finished = await stop().catch(() => false);
    logger.log("info", "stopped", { finished });
    process.exit(failed || !finished ? 1 : 0);
  };

  process.on("SIGTERM", () => void end("SIGTERM", false));
  process.on("SIGINT", () => void end("SIGINT", false));
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      logger.log("error", event, { error: describeError(error) });
      errorReporter?.report(error, { kind: "process", event });
      if (stoppingSinceMs === undefined) void end(event, true);
    });
  }
}
