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
  /** What the lines say they come from. Default `gateway`. */
  readonly service?: string;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Writes one JSON object a line: `timestamp`, `level`, `service`, `message`, and the fields (contract.md section 6).
 * Never throws because of a field: a request must not fail for its log line.
 */
export function createLogger({ level, write, now, service = "gateway" }: LoggerOptions): Logger {
  const least = RANK[level];
  return {
    log(lineLevel, message, fields) {
      if (RANK[lineLevel] < least) return;
      const timestamp = new Date(now()).toISOString();
      write(lineOf({ timestamp, level: lineLevel, service, message }, fields));
    },
  };
}

/** `own` stands twice: the first puts it in front, the second keeps a field of that name from taking its place. */
function lineOf(own: LogFields, fields: LogFields | undefined): string {
  try {
    return JSON.stringify({ ...own, ...fields, ...own });
  } catch {
    return JSON.stringify({ ...own, ...writableOf(fields ?? {}), ...own });
  }
}

/** The fields that JSON has words for, each by itself, and the names of the others: a circle, a getter that throws. */
function writableOf(fields: LogFields): LogFields {
  const writable: Record<string, unknown> = {};
  const unwritable: string[] = [];
  for (const name of Object.keys(fields)) {
    try {
      const json = JSON.stringify(fields[name], bigIntAsText);
      if (json !== undefined) writable[name] = JSON.parse(json);
    } catch {
      unwritable.push(name);
    }
  }
  return unwritable.length === 0 ? writable : { ...writable, unwritable: unwritable.join(", ") };
}

function bigIntAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

const MAX_TEXT_LENGTH = 500;
const MAX_STACK_LINES = 8;

type PlacesOf = (error: Error) => readonly string[] | undefined;

/** An error with its causes for the log, flat and bounded: a cause may refer to itself. Never throws. */
export function describeError(thrown: unknown, depth = 3, placesOf: PlacesOf = stackOf): unknown {
  try {
    if (!(thrown instanceof Error)) return { name: typeof thrown, message: boundedText(thrown) };
    return {
      name: boundedText(thrown.name),
      message: boundedText(thrown.message),
      stack: placesOf(thrown),
      ...(thrown.cause !== undefined && depth > 0 ? { cause: describeError(thrown.cause, depth - 1, placesOf) } : {}),
    };
  } catch {
    // Anything can be thrown, also what has no text and what does not let itself be read.
    return { name: typeof thrown, message: "cannot be described" };
  }
}

/**
 * The same without the places, for what went wrong elsewhere: that a service or the store is gone is said a thousand
 * times a minute, and where our code noticed helps nobody.
 */
export function describeTrouble(thrown: unknown): unknown {
  return describeError(thrown, 3, () => undefined);
}

/** Where it was thrown. A stack begins with the error's text, which may have many lines and is there already. */
function stackOf({ stack }: Error): readonly string[] {
  const lines = String(stack).split("\n");
  const places = lines.filter((line) => /^\s+at /.test(line)).slice(0, MAX_STACK_LINES);
  return places.map((line) => boundedText(line.trim()));
}

/** The beginning of a text that somebody else has written, enough to know it by. */
export function boundedText(text: unknown): string {
  return String(text).slice(0, MAX_TEXT_LENGTH);
}
