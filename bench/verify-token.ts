/**
 * What a caller's token costs, by how it is signed: the first time it is seen, and every time after that.
 *
 *     npx node bench/verify-token.ts
 *
 * One at a time, as a quiet gateway meets them, and 32 at once: WebCrypto verifies on another thread, and alone a request
 * pays for the way there and back. Rounds alternate and the best of each counts: a shared machine only ever adds time.
 *
 * Measured on 2 shared cores, Node 24.21, in µs a token:
 *
 *             first, alone   first, 32 at once   known
 *     HS256        24               22            0.4    (before tokens were remembered: 19 and 15, each time)
 *     EdDSA       116               72            0.4
 *     ES256       105               66            0.4
 *
 * The first time costs 5 µs more than jose alone: header and claims are read before the key is chosen, and jose reads
 * them again. Synchronous HMAC of node:crypto would save more, once a token, and be a second way on one runtime only.
 */
import { generateKeyPairSync } from "node:crypto";
import { Role } from "#gen/policy/v1/policy_pb.ts";
import { type AccessTokens, createAccessTokens } from "../src/identity/access-token.ts";

const ROUNDS = 15;
const TOKENS = 2_000;
const AT_ONCE = 32;

const options = {
  secret: "kX7-fake-but-random-looking-bytes-0f9a2c",
  issuer: "devmatch-gateway",
  audience: "devmatch",
  lifetimeSeconds: 3600,
  now: Date.now,
};
const pem = (key: ReturnType<typeof generateKeyPairSync>["privateKey"]): string =>
  key.export({ type: "pkcs8", format: "pem" }).toString().trim();
const KINDS: readonly (readonly [name: string, privateKey: Parameters<typeof createAccessTokens>[0]["privateKey"]])[] =
  [
    ["HS256", undefined],
    ["EdDSA", { algorithm: "EdDSA", pem: pem(generateKeyPairSync("ed25519").privateKey) }],
    ["ES256", { algorithm: "ES256", pem: pem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey) }],
  ];

async function verifyAll(tokens: AccessTokens, minted: readonly string[], atOnce: number): Promise<number> {
  const start = performance.now();
  for (let from = 0; from < minted.length; from += atOnce) {
    const batch = minted.slice(from, from + atOnce).map((token) => tokens.verify(token));
    for (const { ok } of await Promise.all(batch)) if (!ok) throw new Error("a good token was refused");
  }
  return ((performance.now() - start) * 1000) / minted.length;
}

for (const [name, privateKey] of KINDS) {
  const minter = await createAccessTokens({ ...options, privateKey });
  const holder = { userId: "user-7f3a9c", role: Role.CLIENT, sessionId: crypto.randomUUID() };
  const minted = await Promise.all(Array.from({ length: TOKENS }, () => minter.mint(holder)));
  const best = { alone: Number.POSITIVE_INFINITY, together: Number.POSITIVE_INFINITY, known: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round++) {
    const first = await createAccessTokens({ ...options, privateKey });
    best.alone = Math.min(best.alone, await verifyAll(first, minted.slice(0, 300), 1));
    const second = await createAccessTokens({ ...options, privateKey });
    best.together = Math.min(best.together, await verifyAll(second, minted, AT_ONCE));
    best.known = Math.min(best.known, await verifyAll(second, minted, 1));
  }
  const [alone, together, known] = [best.alone, best.together, best.known].map((us) => us.toFixed(1));
  process.stdout.write(`${name}: first ${alone} µs alone, ${together} µs with 32 at once; known ${known} µs\n`);
}
