import { base64url } from "jose";
import { deriveMacKey } from "./derived-key.ts";

/** What a refresh token says once its MAC has been checked. */
export interface RefreshTokenContent {
  readonly sessionId: string;
  readonly generation: number;
}

export interface RefreshTokens {
  mint(content: RefreshTokenContent): Promise<string>;
  /** Undefined for anything that this gateway did not mint. */
  read(token: string): Promise<RefreshTokenContent | undefined>;
}

export interface RefreshTokenOptions {
  readonly secret: string;
  /** Of the rotation before or after: its tokens are read, and none is made with it. */
  readonly previousSecret?: string | undefined;
}

const SHAPE = /^([A-Za-z0-9_-]{16,64})\.([1-9]\d{0,9})\.([A-Za-z0-9_-]{43})$/;
const KEY_LABEL = "devmatch refresh token v1";
const encoder = new TextEncoder();

/**
 * Makes and reads refresh tokens: `session.generation.mac`, opaque to clients. The MAC tells a token of ours that is
 * old (somebody has a copy: the family must die) from one that never was (somebody guesses: nothing may happen), and
 * lets a lost answer be given again without a token ever being stored. The road not taken is random tokens kept as
 * hashes: to tell old from unknown, all old hashes would have to be kept.
 *
 * The MAC key has a label of its own, so that no access token can pass for a refresh token.
 */
export async function createRefreshTokens({ secret, previousSecret }: RefreshTokenOptions): Promise<RefreshTokens> {
  const key = await deriveMacKey(secret, KEY_LABEL);
  const keys = [key, ...(previousSecret === undefined ? [] : [await deriveMacKey(previousSecret, KEY_LABEL)])];
  return {
    async mint({ sessionId, generation }) {
      const content = `${sessionId}.${generation}`;
      const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(content));
      return `${content}.${base64url.encode(new Uint8Array(mac))}`;
    },

    async read(token) {
      const [, sessionId, generation, mac] = SHAPE.exec(token) ?? [];
      if (sessionId === undefined || generation === undefined || mac === undefined) return undefined;
      const content = encoder.encode(`${sessionId}.${generation}`);
      // The shape has been checked, so decoding cannot fail.
      const shown = base64url.decode(mac) as Uint8Array<ArrayBuffer>;
      for (const each of keys) {
        // Compares in constant time.
        const genuine = await crypto.subtle.verify("HMAC", each, shown, content);
        if (genuine) return { sessionId, generation: Number(generation) };
      }
      return undefined;
    },
  };
}
