import { DurableObject } from "cloudflare:workers";

/** The shared truth about one service's circuit breaker. */
export class CircuitBreaker extends DurableObject {}
