import type { LogLevel, LogSink } from "./logger.ts";
import type { ServiceName } from "./services.ts";

/** How to run the platform. Everything has a default that suits a local run. */
export interface PlatformOptions {
  /** The address to bind to. Default `127.0.0.1`: what this program keeps is for this machine only. */
  host?: string;
  /** Ports other than the usual ones; 0 lets the system choose. */
  ports?: Partial<Record<ServiceName, number>>;
  /** Run these alone. They still share what the others would know. Default all five. */
  only?: readonly ServiceName[];
  /** Keep the state in this file, which is made when it is missing. Default: in memory, gone with the process. */
  databaseFile?: string;
  /**
   * The one administrator. The address is `admin@devmatch.example` unless given, the password made up. Whoever was the
   * administrator in the file is replaced.
   */
  admin?: { email?: string; password?: string };
  /** Fill an empty platform with the demo of demo/demo-data.ts. Default false. */
  seed?: boolean;
  /** Entries below this level are not written. Default `info`. */
  logLevel?: LogLevel;
  /** Where log entries go. Default: one JSON object a line on standard output. */
  log?: LogSink;
  /**
   * Scrypt's N, a power of two. Default 131072, OWASP's advice, at which a password costs 128 MiB and some tenths of
   * a second; tests that are not about passwords lower it.
   */
  scryptCost?: number;
  /** The clock, in milliseconds since 1970. Default the system's; tests of what expires have their own. */
  now?: () => number;
}
