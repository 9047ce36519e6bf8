import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

/** A key of an issuer's: what it signs with, and what it publishes. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function issuerKey(kid: string, alg = "ES256"): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

/** An access token as an external issuer signs it (RFC 9068). */
export function signedBy({ alg, kid, privateKey }: IssuerKey, claims: Readonly<Record<string, unknown>>, header = {}) {
  return new SignJWT(claims).setProtectedHeader({ alg, typ: "at+jwt", kid, ...header }).sign(privateKey);
}

/** An issuer's key set over a real socket. */
export interface KeySetServer {
  readonly url: string;
  /** How often it has been asked. */
  readonly asked: () => number;
  /** How it answers from now on. */
  answer(listener: RequestListener): void;
  stop(): Promise<void>;
}

export const publishes =
  (...keys: readonly IssuerKey[]): RequestListener =>
  (_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  };

/** What an endpoint does on a bad day. */
export const KEY_SET_TROUBLE: Readonly<Record<string, RequestListener>> = {
  "cuts the connection": (request) => request.socket.destroy(),
  "does not answer": () => {},
  "stops in the middle": (_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": 1000 }).write('{"keys":[');
  },
  "answers a page": (_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Sign in</title>");
  },
  "answers an empty set": (_request, response) => {
    response.end('{"keys":[]}');
  },
  "answers without end": (_request, response) => {
    const more = () => {
      while (response.write(" ".repeat(16_384)));
    };
    response.on("drain", more).on("error", () => {});
    more();
  },
  "redirects to itself": (request, response) => {
    response.writeHead(302, { location: request.url ?? "/" }).end();
  },
  "answers 503": (_request, response) => {
    response.writeHead(503).end();
  },
};

export async function startKeySetServer(first: RequestListener): Promise<KeySetServer> {
  let listener = first;
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/keys`,
    asked: () => asked,
    answer(next) {
      listener = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
