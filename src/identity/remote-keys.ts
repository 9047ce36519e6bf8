import { readKeySet } from "./key-set.ts";
import type { UnverifiedToken } from "./unverified-token.ts";
import type { VerificationKey } from "./verification-key.ts";

/** The keys of an external issuer, by its key set's URL. Nothing here rejects: what is not to be had is no key. */
export interface RemoteKeys {
  /** The keys that a token with this header can have been signed with, by exact algorithm and `kid`. */
  find(token: Pick<UnverifiedToken, "algorithm" | "keyId">): Promise<readonly VerificationKey[]>;
  /** Milliseconds since the epoch, after which a token verified now must be verified again. */
  recheckAtMs(): number;
  /** Tells when another set has taken the old one's place. */
  onChange(listener: () => void): void;
}

export interface RemoteKeysOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Lets a fetch finish whose request has gone away. */
  readonly keepAlive: (work: Promise<void>) => void;
  /** Takes why a fetch failed, for the log. The keys that are known stay in use. */
  readonly onFailure: (error: unknown) => void;
}

/** Between two fetches, whatever happens: also while all fail, and however many unknown `kid`s are shown. */
export const COOL_DOWN_MS = 30_000;
/** After this the set is asked for again. It bounds how long a key lives on that the issuer has withdrawn. */
export const FRESH_MS = 300_000;
/**
 * Keys that nobody has confirmed for so long are not used any more: the longest-lived token of before the outage is over
 * by then, unless our own lifetime is set above a day. Whoever keeps us from the issuer must not make its lost key eternal.
 */
export const LAST_RESORT_MS = 86_400_000;
const FETCH_TIMEOUT_MS = 1_000;
const MAX_BYTES = 65_536;
const POLL_MS = 10;

interface KnownSet {
  readonly text: string;
  readonly keys: readonly VerificationKey[];
  readonly confirmedAtMs: number;
}

interface Attempt {
  readonly startedAtMs: number;
  over: boolean;
}

/**
 * Keeps the last good key set of an issuer. jose's createRemoteJWKSet is not used: once its set is too old and the
 * endpoint is down, it refuses every token, fetches anew for each one when it has never had a set, and waits 5 seconds
 * for an endpoint that hangs.
 *
 * Whoever needs keys and may fetch does so itself, within its own request. Others never wait for that promise: on Workers
 * a promise belongs to the request that made it, and may never settle when that one's client goes away. They look, on
 * timers of their own, at whether the attempt is over, for as long as an attempt can take. That is the same on Node, so
 * that there is one way. Of those who have a key that fits nobody waits but the one who asks whether it is still good.
 */
export function createRemoteKeys({ url, fetch, now, keepAlive, onFailure }: RemoteKeysOptions): RemoteKeys {
  let known: KnownSet | undefined;
  let attempt: Attempt = { startedAtMs: Number.NEGATIVE_INFINITY, over: true };
  let changed = () => {};

  /** A clock that was set back must not forbid fetching until it has caught up. */
  const isOlderThan = (ms: number, sinceMs: number) => now() - sinceMs >= ms || now() < sinceMs;
  const isStale = () => known === undefined || isOlderThan(FRESH_MS, known.confirmedAtMs);
  const isRunning = () => !attempt.over && !isOlderThan(FETCH_TIMEOUT_MS, attempt.startedAtMs);

  const update = async (mine: Attempt): Promise<void> => {
    try {
      const text = await fetchText(fetch, url);
      if (text !== known?.text) {
        known = { text, keys: await readKeySet(text), confirmedAtMs: now() };
        changed();
      } else {
        known = { ...known, confirmedAtMs: now() };
      }
    } catch (error) {
      onFailure(error);
    } finally {
      mine.over = true;
    }
  };

  const find: RemoteKeys["find"] = async ({ algorithm, keyId }) => {
    const fitting = () => {
      if (known === undefined || isOlderThan(LAST_RESORT_MS, known.confirmedAtMs)) return [];
      return known.keys.filter((key) => key.algorithm === algorithm && key.keyId === keyId);
    };
    const found = fitting();
    if ((found.length === 0 || isStale()) && isOlderThan(COOL_DOWN_MS, attempt.startedAtMs)) {
      attempt = { startedAtMs: now(), over: false };
      const work = update(attempt);
      keepAlive(work);
      await work;
      return fitting();
    }
    if (found.length > 0) return found;
    while (isRunning()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return fitting();
  };

  return {
    find,
    recheckAtMs() {
      const freshUntilMs = (known?.confirmedAtMs ?? Number.NEGATIVE_INFINITY) + FRESH_MS;
      return Math.max(freshUntilMs, attempt.startedAtMs + COOL_DOWN_MS);
    },
    onChange(listener) {
      changed = listener;
    },
  };
}

async function fetchText(fetch: RemoteKeysOptions["fetch"], url: string): Promise<string> {
  const response = await fetch(url, {
    headers: { accept: "application/jwk-set+json, application/json" },
    // Keys come from where configuration says and from nowhere else. Not "error", which workerd refuses.
    redirect: "manual",
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the key set's URL answered ${response.status}`);
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the body.
    if (bytes > MAX_BYTES) throw new Error(`the key set has more than ${MAX_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
