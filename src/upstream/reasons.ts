/** An error and what caused it, the outermost first. Bounded: a chain may lead back to itself. */
export function reasonsOf(thrown: unknown): readonly Error[] {
  const chain: Error[] = [];
  let reason = thrown;
  while (reason instanceof Error && chain.length < 5) {
    chain.push(reason);
    reason = reason.cause;
  }
  return chain;
}

/** The code that Node gives an error of its own; empty where there is none. */
export function codeOf(reason: Error): string {
  return "code" in reason && typeof reason.code === "string" ? reason.code : "";
}
