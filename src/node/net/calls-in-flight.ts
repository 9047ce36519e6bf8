import type { EventEmitter } from "node:events";

/** Knows which responses are not finished, so that a server can wait for them before it goes. */
export interface CallsInFlight {
  /** Counts a response until it closes. */
  add(response: EventEmitter): void;
  /** Settles when none is left; those that come later are waited for as well. */
  ended(): Promise<void>;
}

/** An empty set of calls. */
export function createCallsInFlight(): CallsInFlight {
  const responses = new Set<EventEmitter>();
  let onEmpty: (() => void) | undefined;
  return {
    add(response) {
      responses.add(response);
      response.once("close", () => {
        responses.delete(response);
        if (responses.size === 0) onEmpty?.();
      });
    },
    ended() {
      return new Promise((resolve) => {
        onEmpty = resolve;
        if (responses.size === 0) resolve();
      });
    },
  };
}
