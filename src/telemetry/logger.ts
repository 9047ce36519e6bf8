export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a line may carry beside its message. Never a token, a password or a body. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Takes one line without its line break. */
  readonly write: (line: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Writes one JSON object a line: `timestamp`, `level`, `service`, `message`, and the fields (contract.md section 6). */
export function createLogger({ level, write, now }: LoggerOptions): Logger {
  const least = RANK[level];
  return {
    log(lineLevel, message, fields) {
      if (RANK[lineLevel] < least) return;
      const timestamp = new Date(now()).toISOString();
      write(JSON.stringify({ timestamp, level: lineLevel, service: "gateway", message, ...fields }));
    },
  };
}

/** An error with its causes for the log, flat and bounded: a cause may refer to itself. */
export function describeError(thrown: unknown, depth = 3): unknown {
  if (!(thrown instanceof Error)) return { name: typeof thrown, message: String(thrown).slice(0, 500) };
  return {
    name: thrown.name,
    message: thrown.message.slice(0, 500),
    stack: thrown.stack
      ?.split("\n")
      .slice(1, 9)
      .map((line) => line.trim()),
    ...(thrown.cause !== undefined && depth > 0 ? { cause: describeError(thrown.cause, depth - 1) } : {}),
  };
}
