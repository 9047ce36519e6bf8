/** The calls of one service that are under way, with a limit. */
export interface CallSlots {
  /**
   * Answers how to give the slot back, or undefined if there is none. A slot that is not given back is free again at
   * `untilMs`: where a runtime stops a request in its tracks, as workerd does, nothing that was to be done at its end is
   * done, and a service must not be shut by slots that nobody holds any more.
   */
  enter(untilMs: number): (() => void) | undefined;
  /** How many are taken. */
  taken(): number;
}

export interface CallSlotsOptions {
  readonly most: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function createCallSlots({ most, now }: CallSlotsOptions): CallSlots {
  const slots = new Set<{ readonly untilMs: number }>();

  /** Only when all are taken, so that a call in quiet times looks at none. */
  const dropForgotten = () => {
    const nowMs = now();
    for (const slot of slots) if (slot.untilMs <= nowMs) slots.delete(slot);
  };

  return {
    enter(untilMs) {
      if (slots.size >= most) dropForgotten();
      if (slots.size >= most) return undefined;
      const slot = { untilMs };
      slots.add(slot);
      return () => {
        slots.delete(slot);
      };
    },
    taken: () => slots.size,
  };
}
