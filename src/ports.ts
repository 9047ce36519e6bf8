import type { Transport } from "@connectrpc/connect";
import type { Redis } from "./store/redis.ts";
import type { ErrorReporter } from "./telemetry/error-reports.ts";
import type { MetricsLedger } from "./telemetry/metrics-ledger.ts";
import type { CreateBreaker } from "./upstream/breakers.ts";
import type { UpstreamService } from "./upstream/services.ts";

/** Where the process stands: it takes requests off the balancer's hands only while it is ready. */
export type Lifecycle = "starting" | "ready" | "stopping";

/** The outside world, as the gateway needs it. Each runtime's folder answers with what it has. */
export interface Ports {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Takes one line of the log, without its line break. */
  readonly writeLog: (line: string) => void;
  /** One transport a service, made once: it keeps the service's connection. */
  readonly transports: Readonly<Record<UpstreamService, Transport>>;
  readonly createBreaker: CreateBreaker;
  /** For services that speak HTTP. */
  readonly fetch: typeof fetch;
  /** Undefined: what would be kept there is kept in this process, for itself alone. */
  readonly redis: Redis | undefined;
  /** Keeps work alive that goes on after the answer. The promise never rejects. */
  readonly keepAlive: (work: Promise<void>) => void;
  /**
   * Whether a request may wait for work that another one began. Not unless told: on Workers, I/O and every promise that
   * waits for it belong to the request that began it, and never settle when that one's client goes away.
   */
  readonly sharesWork?: boolean;
  readonly lifecycle: () => Lifecycle;
  /** Fires when streams have to end because the process does. A Worker's isolate ends unannounced, and has none. */
  readonly stopping?: AbortSignal;
  /** Whether a request that has just come is one too many for this process. */
  readonly shouldShed: () => boolean;
  /** Where many isolates add up their metrics; none where the process is scraped by itself. */
  readonly metricsLedger?: MetricsLedger;
  /** Hears of errors that are bugs of ours; nobody unless told. */
  readonly errorReporter?: ErrorReporter;
}
