/**
 * Wakes those who wait for something new; what it is they read for themselves, from where they are. So nothing is
 * queued for a slow reader, however much happens.
 */
export interface Bell {
  ring(): void;
  /** Settles at the next ring, or when the signal is aborted. */
  wait(signal: AbortSignal): Promise<void>;
}

/** A bell that nobody waits for. */
export function createBell(): Bell {
  const waiting = new Set<() => void>();
  return {
    ring() {
      for (const wake of waiting) wake();
    },
    wait(signal) {
      return new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        if (signal.aborted) return resolve();
        waiting.add(wake);
        signal.addEventListener("abort", wake);
      });
    },
  };
}
