import type { Logger } from "../telemetry/logger.ts";
import type { CreateBreaker } from "../upstream/breakers.ts";
import { createMemoryBreaker } from "../upstream/memory-breaker.ts";
import type { Bindings } from "./bindings.ts";
import { DurableBreaker } from "./durable-breaker.ts";
import { ObjectLine } from "./object-line.ts";

export interface WorkerBreakersOptions {
  /** Keeps work alive that goes on after the answer. The promise never rejects. */
  readonly keepAlive: (work: Promise<void>) => void;
  readonly logger: Pick<Logger, "log">;
}

/** Breakers that share what they know through one object a service; where none are bound, each isolate is on its own. */
export function breakersOf(
  { CIRCUIT_BREAKERS }: Partial<Bindings>,
  { keepAlive, logger }: WorkerBreakersOptions,
): CreateBreaker {
  if (typeof CIRCUIT_BREAKERS?.getByName !== "function") return (_service, setup) => createMemoryBreaker(setup);
  return (service, setup) => {
    const object = () => CIRCUIT_BREAKERS.getByName(service);
    const line = new ObjectLine({ name: `circuit breaker of ${service}`, object, now: setup.now, logger });
    return new DurableBreaker({ ...setup, line, keepAlive });
  };
}
