/** What a store that all instances share knows of one answer. */
export interface SharedAnswer {
  /** The tags as they stand, to be given back with what is kept; opaque. */
  readonly versions: readonly string[];
  /** Undefined where nothing is kept, or where a write has touched it since. */
  readonly value: SharedValue | undefined;
}

export interface SharedValue {
  readonly message: Uint8Array;
  /** Milliseconds since the epoch, of the instance that asked the service. */
  readonly askedAtMs: number;
}

/**
 * Answers that all instances share, and the news of writes among them. Nothing here rejects: a store that is away is as
 * if there were none.
 */
export interface SharedAnswers {
  /** One round trip. Undefined where the store cannot be asked. */
  read(key: string, tags: readonly string[]): Promise<SharedAnswer | undefined>;
  /** Keeps an answer, as of the versions that were read before the service was asked. */
  keep(key: string, versions: readonly string[], value: SharedValue, lifetimeMs: number): Promise<void>;
  /** Makes untrue, for every instance, all that is kept under one of the tags, and all that is being fetched. */
  invalidate(tags: readonly string[]): Promise<void>;
}
