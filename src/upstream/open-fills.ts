/** One look at a service whose answer is to be kept. */
export interface OpenFill {
  readonly key: string;
  readonly tags: readonly string[];
  /** False once a write has touched what it reads: the answer may be from before. */
  readonly valid: boolean;
}

interface Ticket extends OpenFill {
  valid: boolean;
}

/**
 * More than are under way at once. On Workers a request that is cut off never ends its fill: those that are left over so
 * go, the oldest first, and count as touched.
 */
const MAX_OPEN = 1_000;

/**
 * The reads that are under way, so that a write can tell them that they may come too late. Without it, this would be kept:
 * a read begins, a write ends and invalidates, the read's answer arrives from before the write.
 */
export class OpenFills {
  readonly #open = new Set<Ticket>();
  readonly #onDrop: (key: string) => void;

  /** `onDrop` hears of the key of each that goes for want of room: no write will name it any more. */
  constructor(onDrop: (key: string) => void) {
    this.#onDrop = onDrop;
  }

  begin(key: string, tags: readonly string[]): OpenFill {
    if (this.#open.size >= MAX_OPEN) this.#dropOldest();
    const ticket: Ticket = { key, tags, valid: true };
    this.#open.add(ticket);
    return ticket;
  }

  end(fill: OpenFill): void {
    this.#open.delete(fill as Ticket);
  }

  /** Answers the keys that are being filled with what is old now. */
  invalidate(tags: readonly string[]): readonly string[] {
    const touched = [...this.#open].filter((ticket) => ticket.tags.some((tag) => tags.includes(tag)));
    for (const ticket of touched) ticket.valid = false;
    return touched.map(({ key }) => key);
  }

  #dropOldest(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    oldest.valid = false;
    this.#open.delete(oldest);
    this.#onDrop(oldest.key);
  }
}
