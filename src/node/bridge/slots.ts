/** So many at once, and no queue: a caller that is told at once can try elsewhere or give up. */
export interface Slots {
  /** Answers how to give the slot back, or undefined if there is none. */
  enter(): (() => void) | undefined;
}

export function createSlots(most: number): Slots {
  let taken = 0;
  return {
    enter() {
      if (taken >= most) return undefined;
      taken++;
      return () => {
        taken--;
      };
    },
  };
}
