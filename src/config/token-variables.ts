import type { VariableReader } from "./variable-reader.ts";

/** A key in PEM, with line breaks, and the algorithm that its kind is used with. */
export interface PemKey {
  readonly pem: string;
  readonly algorithm: "EdDSA" | "ES256";
}

/** What tokens are signed and verified with, and whose they are. */
export interface TokenConfig {
  /** Its UTF-8 bytes are the HMAC key. */
  readonly secret: string;
  /** Verifies and signs nothing. */
  readonly previousSecret: string | undefined;
  /** Signs in the secret's place where there is one. */
  readonly privateKey: PemKey | undefined;
  /** Verifies and signs nothing: a private key, or the public half of one. */
  readonly previousKey: PemKey | undefined;
  readonly issuer: string;
  readonly audience: string;
  /** Whose tokens are accepted beside our own. */
  readonly external: { readonly keySetUrl: string; readonly issuer: string } | undefined;
}

/** Reads the variables `JWT_…`, lifetimes aside. */
export function readTokenVariables(read: VariableReader): TokenConfig {
  const secret = read.secret("JWT_SECRET", "that sign the tokens");
  const previousSecret = read.optionalSecret("JWT_SECRET_PREVIOUS", "of the rotation before or after");
  if (previousSecret !== undefined && previousSecret !== "" && previousSecret === secret) {
    read.refuse("JWT_SECRET_PREVIOUS", "must not be the same as JWT_SECRET");
  }
  const issuer = read.text("JWT_ISSUER", "devmatch-gateway");
  return {
    secret,
    previousSecret,
    privateKey: readKey(read, "JWT_PRIVATE_KEY", PRIVATE_KEYS, "a PKCS#8 private key"),
    previousKey: readKey(
      read,
      "JWT_PRIVATE_KEY_PREVIOUS",
      [...PRIVATE_KEYS, ...PUBLIC_KEYS],
      "a PKCS#8 private key or an SPKI public key",
    ),
    issuer,
    audience: read.text("JWT_AUDIENCE", "devmatch"),
    external: readExternalIssuer(read, issuer),
  };
}

/** The kinds of keys that we sign with, by the first bytes of their DER in hexadecimal (RFC 5208, 5480, 8410). */
type KeyKind = readonly [label: string, start: RegExp, algorithm: PemKey["algorithm"]];
const PRIVATE_KEYS: readonly KeyKind[] = [
  ["PRIVATE KEY", /^30(?:[0-7].|81..)02010[01]300506032b6570/, "EdDSA"],
  ["PRIVATE KEY", /^30(?:[0-7].|81..)020100301306072a8648ce3d020106082a8648ce3d030107/, "ES256"],
];
const PUBLIC_KEYS: readonly KeyKind[] = [
  ["PUBLIC KEY", /^302a300506032b6570032100/, "EdDSA"],
  ["PUBLIC KEY", /^3059301306072a8648ce3d020106082a8648ce3d030107034200/, "ES256"],
];
const PEM = /^-----BEGIN ([A-Z ]+)-----\s+([A-Za-z0-9+/=\s]+)\s-----END \1-----$/;

function readKey(read: VariableReader, name: string, kinds: readonly KeyKind[], what: string): PemKey | undefined {
  // A file of variables has one line a variable, so line breaks are often written as two characters.
  const text = read
    .optionalText(name)
    ?.replaceAll("\\n", "\n")
    .replaceAll(/\\r|\r/g, "")
    .trim();
  if (text === undefined) return undefined;
  const [, label = "", base64 = ""] = PEM.exec(text) ?? [];
  const der = hexOf(base64);
  const kind = kinds.find(([expected, start]) => label === expected && start.test(der));
  if (kind !== undefined) return { pem: text, algorithm: kind[2] };
  read.refuse(name, `must be ${what} in PEM, of an Ed25519 or P-256 key`);
  return undefined;
}

function hexOf(base64: string): string {
  try {
    return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  } catch {
    return "";
  }
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

function readExternalIssuer(read: VariableReader, ownIssuer: string): TokenConfig["external"] {
  const text = read.optionalText("JWT_JWKS_URL");
  const named = read.optionalText("JWT_JWKS_ISSUER");
  if (text === undefined) {
    if (named !== undefined) read.refuse("JWT_JWKS_ISSUER", "needs JWT_JWKS_URL, where its keys are");
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const safe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname));
  if (url === undefined || !safe || url.username !== "" || url.password !== "" || url.hash !== "") {
    read.refuse("JWT_JWKS_URL", "must be an https URL (http on loopback only) without credentials or a fragment");
    return undefined;
  }
  const issuer = named ?? url.origin;
  // Whoever may sign for an issuer may do so with its keys only: else the shared secret would be one of them.
  if (issuer === ownIssuer) read.refuse("JWT_JWKS_ISSUER", "must not be the same as JWT_ISSUER");
  return { keySetUrl: url.href, issuer };
}
