/** How much a log entry matters, the least first. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

/** One of the levels; an entry below the chosen one is not written. */
export type LogLevel = (typeof logLevels)[number];

/** Where entries go. Gets plain data that `JSON.stringify` can write on one line. */
export type LogSink = (entry: object) => void;

/** Writes entries of one service. Never give it a password, a token or a message body. */
export type Logger = (level: LogLevel, fields: object) => void;

/** The default sink: one JSON object a line on standard output. */
export const writeJsonLine: LogSink = (entry) => {
  process.stdout.write(`${JSON.stringify(entry)}\n`);
};

/** A logger that stamps each entry with the time, its level and the service it speaks for. */
export function createLogger(service: string, least: LogLevel, sink: LogSink): Logger {
  const floor = logLevels.indexOf(least);
  return (level, fields) => {
    if (logLevels.indexOf(level) < floor) return;
    sink({ timestamp: new Date().toISOString(), level, service, ...fields });
  };
}
