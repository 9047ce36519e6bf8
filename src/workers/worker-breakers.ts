import type { CreateBreaker } from "../upstream/breakers.ts";
import { createMemoryBreaker } from "../upstream/memory-breaker.ts";
import type { Bindings } from "./bindings.ts";
import { DurableBreaker, type DurableBreakerSetup } from "./durable-breaker.ts";

/** Breakers that share what they know through one object a service; where none are bound, each isolate is on its own. */
export function breakersOf(
  { CIRCUIT_BREAKERS }: Partial<Bindings>,
  shared: Pick<DurableBreakerSetup, "keepAlive" | "logger">,
): CreateBreaker {
  if (typeof CIRCUIT_BREAKERS?.getByName !== "function") return (_service, setup) => createMemoryBreaker(setup);
  return (service, setup) =>
    new DurableBreaker({ ...setup, ...shared, object: () => CIRCUIT_BREAKERS.getByName(service) });
}
