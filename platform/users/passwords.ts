import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { createSlots } from "./slots.ts";

/**
 * Scrypt's cost N. OWASP's password storage advice asks for N = 2^17 with r = 8 and p = 1, which takes 128 MiB and
 * some tenths of a second for each password.
 */
export const defaultScryptCost = 2 ** 17;

const blockSize = 8;
const parallelization = 1;
const keyBytes = 32;

/** Hashes and checks passwords. */
export interface Passwords {
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether the password is the one that was hashed. Without a hash, because there is no such account, it takes as
   * long and says no: the time of the answer must not tell which addresses have accounts.
   */
  verify(password: string, hash: string | undefined, signal?: AbortSignal): Promise<boolean>;
}

/** A hash with what it was made with, so that the cost may rise later and old hashes still verify. */
interface Hash {
  cost: number;
  blockSize: number;
  parallelization: number;
  salt: Buffer;
  key: Buffer;
}

/** Scrypt on Node's thread pool, two at a time: 256 MiB, and two of its four threads left for others. */
export function createPasswords(cost: number): Passwords {
  const slots = createSlots({ atOnce: 2, waiting: 200 });
  const fresh = () => ({ cost, blockSize, parallelization, salt: randomBytes(16) });
  // No password has this hash: its key is random, not computed.
  const nobody = format({ ...fresh(), key: randomBytes(keyBytes) });
  return {
    async hash(password, signal) {
      const parameters = fresh();
      const key = await slots.run(() => derive(password, parameters), signal);
      return format({ ...parameters, key });
    },
    async verify(password, hash, signal) {
      const stored = parse(hash ?? nobody);
      const key = await slots.run(() => derive(password, stored), signal);
      return timingSafeEqual(key, stored.key);
    },
  };
}

function derive(password: string, hash: Omit<Hash, "key">): Promise<Buffer> {
  const { cost, blockSize, parallelization, salt } = hash;
  // Node refuses what needs more than 32 MiB unless told; scrypt needs 128 · N · r, and a little more.
  const maxmem = 256 * cost * blockSize;
  const options: ScryptOptions = { cost, blockSize, parallelization, maxmem };
  return new Promise((resolve, reject) => {
    // One person's keyboards may compose the same letter differently; NFKC makes them one.
    scrypt(password.normalize("NFKC"), salt, keyBytes, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

/** `$scrypt$ln=17,r=8,p=1$salt$key`: the usual notation, with the cost as the power of two. */
function format({ cost, blockSize, parallelization, salt, key }: Hash): string {
  const parameters = `ln=${Math.log2(cost)},r=${blockSize},p=${parallelization}`;
  return `$scrypt$${parameters}$${salt.toString("base64")}$${key.toString("base64")}`;
}

function parse(text: string): Hash {
  const [, ln, r, p, salt, key] = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  if (salt === undefined || key === undefined) throw new Error("a stored password hash is not in our notation");
  return {
    cost: 2 ** Number(ln),
    blockSize: Number(r),
    parallelization: Number(p),
    salt: Buffer.from(salt, "base64"),
    key: Buffer.from(key, "base64"),
  };
}
