import { describe, expect, test } from "vitest";
import { parseIpNetwork } from "#src/admission/ip-network.ts";
import { type Config, ConfigError, loadConfig } from "#src/config.ts";
import { PEM_PAIRS } from "./support/pem-keys.ts";

const SECRET = "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E";
const GOOD = { JWT_SECRET: SECRET };

type Environment = Record<string, string | undefined>;

function load(env: Environment, protocol: "grpc" | "connect" = "grpc"): Config {
  return loadConfig({ ...GOOD, ...env }, { protocol });
}

/** The variables that the one message names, a line each, and the message itself. */
function refusalOf(env: Environment): { names: readonly string[]; message: string } {
  try {
    loadConfig(env, { protocol: "grpc" });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { problems, message } = error as ConfigError;
    return { names: problems.map((problem) => problem.split(" ")[0]!), message };
  }
  throw new Error("it was accepted");
}

test("with nothing but a secret, everything has the contract's default (section 5)", () => {
  expect(load({})).toEqual({
    services: {
      users: { url: "http://localhost:50051", protocol: "grpc" },
      tasks: { url: "http://localhost:50052", protocol: "grpc" },
      recommendation: { url: "http://localhost:50054", protocol: "grpc" },
      orchestrator: { url: "http://localhost:50053", protocol: "grpc" },
    },
    presenceUrl: "http://localhost:8080",
    bridgeSecret: undefined,
    tokens: {
      secret: SECRET,
      previousSecret: undefined,
      privateKey: undefined,
      previousKey: undefined,
      issuer: "devmatch-gateway",
      audience: "devmatch",
      external: undefined,
    },
    accessLifetimeSeconds: 24 * 3600,
    refreshLifetimeSeconds: 30 * 86_400,
    redis: undefined,
    redisTimeoutMs: 50,
    upstreamTimeoutMs: 30_000,
    breakerFailureThreshold: 5,
    breakerMaxOpenMs: 60_000,
    upstreamMaxInFlight: 100,
    maxBodyBytes: 1_048_576,
    rateLimits: { windowMs: 60_000, requests: 1000, anonymous: 100, login: 10 },
    trustedProxies: [],
    cacheTtlSeconds: 300,
    corsOrigins: ["http://localhost:3000", "http://localhost:5173", "http://localhost"],
    logLevel: "info",
    metricsToken: undefined,
    sentryDsn: undefined,
    sentryEnvironment: undefined,
    host: "0.0.0.0",
    port: 8000,
    shutdownDelayMs: 1_000,
    shutdownGraceMs: 25_000,
  } satisfies Config);
});

test("an empty variable is an absent one: that is how compose files unset one", () => {
  const names = [
    "GATEWAY_PORT",
    "USER_SERVICE_URL",
    "UPSTREAM_PROTOCOL",
    "JWT_ISSUER",
    "JWT_PRIVATE_KEY",
    "JWT_JWKS_URL",
    "RATE_LIMIT_REQUESTS",
    "RATE_LIMIT_WINDOW",
    "TRUSTED_PROXIES",
    "CORS_ORIGINS",
    "METRICS_TOKEN",
  ];
  for (const empty of ["", "   "]) {
    expect(load(Object.fromEntries(names.map((name) => [name, empty])))).toEqual(load({}));
  }
});

test("names whose tokens are and for whom", () => {
  const { tokens } = load({ JWT_ISSUER: "https://devmatch.example", JWT_AUDIENCE: "api" });
  expect(tokens).toMatchObject({ issuer: "https://devmatch.example", audience: "api" });
});

const LIMITS = { windowMs: 60_000, requests: 1000, anonymous: 100, login: 10 };
const network = (text: string) => parseIpNetwork(text)!;

type GoodRow = readonly [name: string, value: string, expected: Partial<Config>, because: string];

const GOOD_VALUES: readonly GoodRow[] = [
  ["GATEWAY_PORT", "0", { port: 0 }, "the system chooses"],
  ["GATEWAY_PORT", "65535", { port: 65_535 }, "the last port"],
  ["GATEWAY_PORT", " 8080 ", { port: 8080 }, "spaces around it are a slip of the hand"],
  ["GATEWAY_HOST", "127.0.0.1", { host: "127.0.0.1" }, "one interface"],
  ["GATEWAY_HOST", "::1", { host: "::1" }, "IPv6"],
  ["CACHE_TTL", "0", { cacheTtlSeconds: 0 }, "no cache"],
  ["CACHE_TTL", "0.5", { cacheTtlSeconds: 0.5 }, "a part of a second"],
  ["PRESENCE_SERVICE_URL", "presence:8080", { presenceUrl: "http://presence:8080" }, "host:port"],
  [
    "PRESENCE_SERVICE_URL",
    "https://presence.example",
    { presenceUrl: "https://presence.example" },
    "a URL has a port of its own",
  ],
  [
    "PRESENCE_SERVICE_URL",
    "http://presence.example/",
    { presenceUrl: "http://presence.example" },
    "a slash at the end is no path",
  ],
  ["PRESENCE_SERVICE_URL", "HTTP://Presence:8080", { presenceUrl: "http://presence:8080" }, "letter case"],
  ["PRESENCE_SERVICE_URL", "10.0.0.7:8080", { presenceUrl: "http://10.0.0.7:8080" }, "an address"],
  ["PRESENCE_SERVICE_URL", "[::1]:8080", { presenceUrl: "http://[::1]:8080" }, "an IPv6 address"],
  ["PRESENCE_SERVICE_URL", "presence:80", { presenceUrl: "http://presence" }, "the port that http has anyhow"],
  ["JWT_EXPIRATION_HOURS", "1", { accessLifetimeSeconds: 3600 }, "hours"],
  ["JWT_EXPIRATION_HOURS", "0.25", { accessLifetimeSeconds: 900 }, "a quarter of one"],
  ["JWT_EXPIRATION_HOURS", "0.07", { accessLifetimeSeconds: 252 }, "a fraction that is no exact double"],
  ["JWT_EXPIRATION_HOURS", "0.0001", { accessLifetimeSeconds: 1 }, "less than a second is one"],
  ["JWT_EXPIRATION_HOURS", "744", { accessLifetimeSeconds: 2_678_400 }, "a month, the most"],
  ["JWT_REFRESH_EXPIRATION_DAYS", "0.5", { refreshLifetimeSeconds: 43_200 }, "half a day"],
  ["JWT_REFRESH_EXPIRATION_DAYS", "366", { refreshLifetimeSeconds: 31_622_400 }, "a year, the most"],
  ["UPSTREAM_TIMEOUT", "0.5", { upstreamTimeoutMs: 500 }, "half a second"],
  ["UPSTREAM_TIMEOUT", "1.001", { upstreamTimeoutMs: 1001 }, "a fraction that is no exact double"],
  ["UPSTREAM_TIMEOUT", "600", { upstreamTimeoutMs: 600_000 }, "the most"],
  ["SHUTDOWN_DELAY", "0", { shutdownDelayMs: 0 }, "no delay"],
  ["CIRCUIT_BREAKER_FAILURE_THRESHOLD", "1", { breakerFailureThreshold: 1 }, "the least"],
  ["CIRCUIT_BREAKER_FAILURE_THRESHOLD", "1000000", { breakerFailureThreshold: 1_000_000 }, "as good as never"],
  ["CIRCUIT_BREAKER_TIMEOUT", "0.2", { breakerMaxOpenMs: 200 }, "less than the first open time"],
  ["CIRCUIT_BREAKER_TIMEOUT", "3600", { breakerMaxOpenMs: 3_600_000 }, "the most"],
  ["UPSTREAM_MAX_IN_FLIGHT", "1", { upstreamMaxInFlight: 1 }, "one after the other"],
  ["UPSTREAM_MAX_IN_FLIGHT", "100000", { upstreamMaxInFlight: 100_000 }, "the most"],
  ["SHUTDOWN_GRACE", "0", { shutdownGraceMs: 0 }, "no grace"],
  ["SHUTDOWN_GRACE", "2.5", { shutdownGraceMs: 2_500 }, "a fraction"],
  ["RATE_LIMIT_REQUESTS", "1", { rateLimits: { ...LIMITS, requests: 1 } }, "the least"],
  ["RATE_LIMIT_ANONYMOUS", "1000000000", { rateLimits: { ...LIMITS, anonymous: 1e9 } }, "the most"],
  ["RATE_LIMIT_LOGIN", "3", { rateLimits: { ...LIMITS, login: 3 } }, "stricter than we are"],
  ["RATE_LIMIT_WINDOW", "0.25", { rateLimits: { ...LIMITS, windowMs: 250 } }, "a fraction"],
  ["TRUSTED_PROXIES", "10.0.0.0/8", { trustedProxies: [network("10.0.0.0/8")] }, "one network"],
  [
    "TRUSTED_PROXIES",
    " 192.0.2.1 , ::1,2001:db8::/32",
    { trustedProxies: [network("192.0.2.1"), network("::1"), network("2001:db8::/32")] },
    "addresses and networks, with spaces",
  ],
  ["MAX_BODY_BYTES", "1", { maxBodyBytes: 1 }, "the least"],
  ["MAX_BODY_BYTES", "104857600", { maxBodyBytes: 104_857_600 }, "the most"],
  ["LOG_LEVEL", "debug", { logLevel: "debug" }, "a level"],
  ["LOG_LEVEL", "WARN", { logLevel: "warn" }, "in any letter case"],
  ["METRICS_TOKEN", "s3cret-for-scrapes", { metricsToken: "s3cret-for-scrapes" }, "a token"],
  ["SENTRY_DSN", "https://k3y@o1.ingest.sentry.io/42", { sentryDsn: "https://k3y@o1.ingest.sentry.io/42" }, "Sentry's"],
  ["SENTRY_DSN", "http://k@sentry:9000/at/7", { sentryDsn: "http://k@sentry:9000/at/7" }, "one's own, under a path"],
  ["SENTRY_ENVIRONMENT", "eu-staging.1", { sentryEnvironment: "eu-staging.1" }, "a name"],
  ["CORS_ORIGINS", "*", { corsOrigins: ["*"] }, "everybody"],
  ["CORS_ORIGINS", "https://a.example", { corsOrigins: ["https://a.example"] }, "one"],
  [
    "CORS_ORIGINS",
    "https://a.example , http://localhost:3000",
    { corsOrigins: ["https://a.example", "http://localhost:3000"] },
    "with spaces",
  ],
];

test.each(GOOD_VALUES)("%s=%s is good: %#", (name, value, expected) => {
  expect(load({ [name]: value })).toEqual({ ...load({}), ...expected });
});

type BadRow = readonly [name: string, value: string, because: string];

const BAD_VALUES: readonly BadRow[] = [
  ["GATEWAY_PORT", "65536", "no such port"],
  ["GATEWAY_PORT", "-1", "no such port"],
  ["GATEWAY_PORT", "80.5", "no whole number"],
  ["GATEWAY_PORT", "0x50", "no decimal number"],
  ["GATEWAY_PORT", "8e3", "no plain number"],
  ["GATEWAY_PORT", "http", "no number"],
  ["GATEWAY_PORT", "99999999999999999999", "more digits than a number has"],
  ["USER_SERVICE_URL", "http://users/path", "a path would be lost"],
  ["USER_SERVICE_URL", "users:50051/path", "a path would be lost"],
  ["USER_SERVICE_URL", "http://users?x=1", "a query would be lost"],
  ["USER_SERVICE_URL", "http://users#x", "a fragment would be lost"],
  ["USER_SERVICE_URL", "http://me:hunter2@users:50051", "credentials would be lost"],
  ["USER_SERVICE_URL", "http://:hunter2@users:50051", "a password alone would be lost"],
  ["USER_SERVICE_URL", "me:hunter2@users:50051", "credentials would be lost"],
  ["USER_SERVICE_URL", "users", "a host without a port: nobody means port 80"],
  ["USER_SERVICE_URL", "grpc://users:50051", "a scheme that we do not speak"],
  ["USER_SERVICE_URL", "dns:///users:50051", "a scheme of gRPC's own"],
  ["USER_SERVICE_URL", "unix:///tmp/socket", "a socket of the file system"],
  ["USER_SERVICE_URL", "users:99999", "no such port"],
  ["USER_SERVICE_URL", "us ers:50051", "no host"],
  ["USER_SERVICE_URL", ":50051", "no host at all"],
  ["TASK_SERVICE_URL", "ftp://tasks", "a scheme that we do not speak"],
  ["RECOMMENDATION_SERVICE_URL", "http://", "no host"],
  ["ORCHESTRATOR_URL", "//orchestrator:1", "no scheme"],
  ["PRESENCE_SERVICE_URL", "javascript:alert(1)", "no address"],
  ["UPSTREAM_PROTOCOL", "http", "no such protocol"],
  ["USER_SERVICE_PROTOCOL", "grpcweb", "no such protocol"],
  ["TASK_SERVICE_PROTOCOL", "constructor", "a name that every object has"],
  ["JWT_EXPIRATION_HOURS", "0", "tokens that are never good"],
  ["JWT_EXPIRATION_HOURS", "-1", "below zero"],
  ["JWT_EXPIRATION_HOURS", "745", "more than a month"],
  ["JWT_EXPIRATION_HOURS", "24h", "the unit is in the name"],
  ["JWT_EXPIRATION_HOURS", "0,25", "a comma"],
  ["JWT_EXPIRATION_HOURS", ".5", "no digit before the point"],
  ["JWT_EXPIRATION_HOURS", "5.", "none behind it"],
  ["JWT_EXPIRATION_HOURS", "1e1", "powers of ten"],
  ["JWT_EXPIRATION_HOURS", "Infinity", "for ever"],
  ["JWT_EXPIRATION_HOURS", "NaN", "no number"],
  ["JWT_REFRESH_EXPIRATION_DAYS", "0", "sessions that never are"],
  ["JWT_REFRESH_EXPIRATION_DAYS", "367", "more than a year"],
  ["UPSTREAM_TIMEOUT", "0", "no time at all"],
  ["UPSTREAM_TIMEOUT", "601", "more than a person waits"],
  ["SHUTDOWN_DELAY", "61", "more than a balancer can need"],
  ["CIRCUIT_BREAKER_FAILURE_THRESHOLD", "0", "always open"],
  ["CIRCUIT_BREAKER_FAILURE_THRESHOLD", "2.5", "half a failure"],
  ["CIRCUIT_BREAKER_FAILURE_THRESHOLD", "1000001", "more than anybody counts"],
  ["CIRCUIT_BREAKER_TIMEOUT", "0", "never open"],
  ["CIRCUIT_BREAKER_TIMEOUT", "3601", "more than an hour is an outage of our own making"],
  ["UPSTREAM_MAX_IN_FLIGHT", "0", "no call at all"],
  ["UPSTREAM_MAX_IN_FLIGHT", "100001", "no limit at all"],
  ["SHUTDOWN_GRACE", "-1", "below zero"],
  ["SHUTDOWN_GRACE", "601", "more than an orchestrator waits"],
  ["RATE_LIMIT_REQUESTS", "0", "nobody could do anything"],
  ["RATE_LIMIT_ANONYMOUS", "-1", "below zero"],
  ["RATE_LIMIT_LOGIN", "unlimited", "a word"],
  ["RATE_LIMIT_WINDOW", "0", "no window"],
  ["RATE_LIMIT_WINDOW", "60s", "a unit"],
  ["RATE_LIMIT_WINDOW", "86401", "more than a day"],
  ["TRUSTED_PROXIES", "10.0.0.0/33", "no such network"],
  ["TRUSTED_PROXIES", "10.0.0.0/8,", "an empty one at the end"],
  ["TRUSTED_PROXIES", "*", "everybody: that would be nobody's proxy"],
  ["TRUSTED_PROXIES", "proxy.internal", "a name, which could be anybody tomorrow"],
  ["MAX_BODY_BYTES", "0", "no body at all"],
  ["MAX_BODY_BYTES", "1MB", "a unit"],
  ["MAX_BODY_BYTES", "104857601", "more than memory should hold"],
  ["LOG_LEVEL", "verbose", "no such level"],
  ["METRICS_TOKEN", "two words", "a header could not carry it"],
  ["METRICS_TOKEN", "tökén", "a header could not carry it"],
  ["SENTRY_DSN", "https://sentry.example/42", "no key: it would be refused"],
  ["SENTRY_DSN", "https://key@ingest.example", "no project"],
  ["SENTRY_DSN", "https://key@sentry.example/devmatch", "a project's name for its number"],
  ["SENTRY_DSN", "https://key:hunter2@sentry.example/42", "the old form, with a secret in it"],
  ["SENTRY_DSN", "https://key@sentry.example/42?x=1", "a query would be lost"],
  ["SENTRY_DSN", "udp://key@sentry.example/42", "a scheme that we do not speak"],
  ["SENTRY_DSN", "production", "no address"],
  ["SENTRY_ENVIRONMENT", "two words", "Sentry takes no spaces"],
  ["SENTRY_ENVIRONMENT", "eu/staging", "Sentry takes no slashes"],
  ["SENTRY_ENVIRONMENT", "None", "a name that Sentry has taken"],
  ["CORS_ORIGINS", "https://a.example/", "a slash: it would never match"],
  ["CORS_ORIGINS", "https://a.example/app", "a path: it would never match"],
  ["CORS_ORIGINS", "a.example", "no scheme"],
  ["CORS_ORIGINS", "https://A.example", "upper case: it would never match"],
  ["CORS_ORIGINS", "https://a.example:443", "the port that https has anyhow: it would never match"],
  ["CORS_ORIGINS", "https://*.example", "a pattern: only whole origins are compared"],
  ["CORS_ORIGINS", "null", "every sandboxed page is that"],
  ["CORS_ORIGINS", "https://a.example,", "an empty one"],
  ["CORS_ORIGINS", "https://a.example https://b.example", "spaces for commas"],
];

describe("a wrong value stops the start, and is not shown", () => {
  test.each(BAD_VALUES)("%s=%s: %s", (name, value) => {
    const { names, message } = refusalOf({ ...GOOD, [name]: value });
    expect(names).toEqual([name]);
    // Without the sentence's own words, of which a value such as "0" may be one.
    expect(message.split("\n")[0]).toBe("The configuration is wrong:");
    if (value.length > 3) expect(message).not.toContain(value);
  });
});

test("one message names every wrong variable", () => {
  const wrong = Object.fromEntries(BAD_VALUES.map(([name, value]) => [name, value]));
  const { names, message } = refusalOf({ ...wrong, JWT_SECRET: "short-one" });
  expect(names.toSorted()).toEqual([...Object.keys(wrong), "JWT_SECRET"].toSorted());
  for (const value of ["hunter2", "short-one", "two words", "verbose"]) expect(message).not.toContain(value);
});

describe("protocols", () => {
  test("the runtime's own is the default, and one variable sets it for all", () => {
    expect(load({}, "connect").services.users.protocol).toBe("connect");
    const { services } = load({ UPSTREAM_PROTOCOL: "grpc-web" });
    expect(new Set(Object.values(services).map(({ protocol }) => protocol))).toEqual(new Set(["grpc-web"]));
  });

  test.each([
    ["USER_SERVICE_PROTOCOL", "users"],
    ["TASK_SERVICE_PROTOCOL", "tasks"],
    ["RECOMMENDATION_SERVICE_PROTOCOL", "recommendation"],
    ["ORCHESTRATOR_PROTOCOL", "orchestrator"],
  ] as const)("%s sets one service's, and no other's", (name, key) => {
    const { services } = load({ UPSTREAM_PROTOCOL: "grpc-web", [name]: "Connect" });
    const changed = Object.entries(services).filter(([, { protocol }]) => protocol === "connect");
    expect(changed.map(([service]) => service)).toEqual([key]);
  });

  test.each([
    ["USER_SERVICE_URL", "users"],
    ["TASK_SERVICE_URL", "tasks"],
    ["RECOMMENDATION_SERVICE_URL", "recommendation"],
    ["ORCHESTRATOR_URL", "orchestrator"],
  ] as const)("%s is the address of one service, and no other's", (name, key) => {
    const { services } = load({ [name]: "elsewhere:1" });
    const changed = Object.entries(services).filter(([, { url }]) => url === "http://elsewhere:1");
    expect(changed.map(([service]) => service)).toEqual([key]);
  });
});

describe("J-05, R-28: the secret that signs tokens", () => {
  test.each([
    [undefined, "absent"],
    ["", "empty"],
    ["x".repeat(31), "31 bytes"],
    ["q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1", "31 random bytes"],
    ["your-secret-key", "the well-known one"],
    ["your-secret-key-change-in-production", "a template's, long enough"],
    ["your_jwt_secret_your_jwt_secret_your_jwt_secret", "another template's"],
    ["YOUR-SECRET-KEY-YOUR-SECRET-KEY-1", "in upper case"],
    ["your-256-bit-secret-your-256-bit-secret", "jwt.io's, twice"],
    ["a-string-secret-at-least-256-bits-long", "jwt.io's of today"],
    ["super-secret-jwt-token-with-at-least-32-characters-long", "Supabase's"],
    ["please-change-me-please-change-me-1", "what asks to be changed"],
    ["a".repeat(64), "one key held down"],
    ["abcabcabcabcabcabcabcabcabcabcabcabc", "three keys"],
    [" ".repeat(40), "spaces"],
  ] as readonly (readonly [string | undefined, string])[])("%j is refused: %s", (secret) => {
    const { names, message } = refusalOf({ JWT_SECRET: secret });
    expect(names).toEqual(["JWT_SECRET"]);
    if (secret !== undefined && secret.trim() !== "") expect(message).not.toContain(secret);
  });

  test.each([
    [SECRET, "32 bytes"],
    ["3f9a5c7e1b2d4f60a8c9e7d5b3f1a2c4e6d8b0f19a7c5e3d1b2f4a6c8e0d9b7f", "hexadecimal"],
    ["mZ0x+7Qk/1u5vJd3RwYcT9aGhLpNsXbE2oWiKfMzD8A=", "base64"],
    ["ключ-из-букв-не-латинских", "fewer than 32 characters, and more than 32 bytes"],
  ])("%j is accepted: %s", (secret) => {
    expect(load({ JWT_SECRET: secret }).tokens.secret).toBe(secret);
  });

  test("is its bytes as they are: spaces around it belong to it", () => {
    expect(load({ JWT_SECRET: ` ${SECRET}\n` }).tokens.secret).toBe(` ${SECRET}\n`);
  });
});

const OTHER_SECRET = "Zt5!uB8yQe2#hN6wKc9@rP3mXa7&vL1D";
const ED25519 = PEM_PAIRS.ed25519();
const P256 = PEM_PAIRS.ec("P-256");

describe("J-25: a second secret", () => {
  test("is accepted beside the first", () => {
    expect(load({ JWT_SECRET_PREVIOUS: OTHER_SECRET }).tokens).toMatchObject({
      secret: SECRET,
      previousSecret: OTHER_SECRET,
    });
  });

  test.each([
    ["short-one", "too short"],
    ["your-secret-key-change-in-production", "a template's"],
    [SECRET, "the first one"],
  ])("%j is refused: %s", (secret) => {
    const { names, message } = refusalOf({ ...GOOD, JWT_SECRET_PREVIOUS: secret });
    expect(names).toEqual(["JWT_SECRET_PREVIOUS"]);
    expect(message).not.toContain(secret);
  });

  test("is no substitute for the first", () => {
    expect(refusalOf({ JWT_SECRET_PREVIOUS: OTHER_SECRET }).names).toEqual(["JWT_SECRET"]);
  });
});

describe("private keys", () => {
  const { privateKey: pem, publicKey } = ED25519;
  test.each([
    ["Ed25519", pem, "EdDSA"],
    ["P-256", P256.privateKey, "ES256"],
    ["with line breaks as two characters, as files of variables have them", pem.replaceAll("\n", "\\n"), "EdDSA"],
    ["with the line breaks of Windows", pem.replaceAll("\n", "\r\n"), "EdDSA"],
    ["with both", pem.replaceAll("\n", "\\r\\n"), "EdDSA"],
    ["without a line break at its end", pem.trimEnd(), "EdDSA"],
    ["with spaces around it", `  ${pem}  `, "EdDSA"],
  ])("%s", (_what, value, algorithm) => {
    const expected = algorithm === "EdDSA" ? pem : P256.privateKey;
    const { privateKey } = load({ JWT_PRIVATE_KEY: value }).tokens;
    expect(privateKey).toEqual({ pem: expected.trim(), algorithm });
  });

  test.each([
    ["a private key", pem, "EdDSA"],
    ["the public half alone", publicKey, "EdDSA"],
    ["the public half alone of the other kind", P256.publicKey, "ES256"],
  ])("the second may be %s, and needs no first", (_what, value, algorithm) => {
    const { privateKey, previousKey } = load({ JWT_PRIVATE_KEY_PREVIOUS: value }).tokens;
    expect(privateKey).toBeUndefined();
    expect(previousKey).toEqual({ pem: value.trim(), algorithm });
  });

  const WRONG: readonly (readonly [value: string, because: string])[] = [
    ["a secret that is no key", "no PEM"],
    [PEM_PAIRS.rsa().privateKey, "RSA"],
    [PEM_PAIRS.ec("P-384").privateKey, "another curve"],
    [PEM_PAIRS.ec("secp256k1").privateKey, "a curve of coins"],
    [PEM_PAIRS.ed448().privateKey, "Ed448"],
    [PEM_PAIRS.x25519().privateKey, "a key that agrees and signs nothing"],
    [pem.replaceAll("PRIVATE KEY", "EC PRIVATE KEY"), "the older form"],
    [pem.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "a key that needs a password"],
    [pem.replaceAll("PRIVATE KEY", "CERTIFICATE"), "another label"],
    [pem.replace("-----BEGIN PRIVATE KEY-----", ""), "no beginning"],
    [pem.replace("-----END PRIVATE KEY-----", ""), "no end"],
    [`${pem}${P256.privateKey}`, "two keys"],
    ["-----BEGIN PRIVATE KEY-----\n====\n-----END PRIVATE KEY-----", "no base64"],
    ["-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----", "nothing in it"],
  ];
  test.each(["JWT_PRIVATE_KEY", "JWT_PRIVATE_KEY_PREVIOUS"])(
    "R-28: %s refuses what is none, and shows none",
    (name) => {
      for (const [value, because] of WRONG) {
        const { names, message } = refusalOf({ ...GOOD, [name]: value });
        expect(names, because).toEqual([name]);
        for (const line of value.split("\n").filter((each) => each.length > 20)) expect(message).not.toContain(line);
      }
    },
  );

  test("a public key signs nothing", () => {
    expect(refusalOf({ ...GOOD, JWT_PRIVATE_KEY: publicKey }).names).toEqual(["JWT_PRIVATE_KEY"]);
  });
});

describe("an external issuer", () => {
  const URL_OF_KEYS = "https://id.example/.well-known/jwks.json";

  test.each([
    [{ JWT_JWKS_URL: URL_OF_KEYS }, { keySetUrl: URL_OF_KEYS, issuer: "https://id.example" }],
    [
      { JWT_JWKS_URL: URL_OF_KEYS, JWT_JWKS_ISSUER: "https://id.example/tenant/" },
      { keySetUrl: URL_OF_KEYS, issuer: "https://id.example/tenant/" },
    ],
    [{ JWT_JWKS_URL: `${URL_OF_KEYS}?v=2` }, { keySetUrl: `${URL_OF_KEYS}?v=2`, issuer: "https://id.example" }],
    [{ JWT_JWKS_URL: "http://localhost:9/k" }, { keySetUrl: "http://localhost:9/k", issuer: "http://localhost:9" }],
    [{ JWT_JWKS_URL: "http://127.0.0.1:9/k" }, { keySetUrl: "http://127.0.0.1:9/k", issuer: "http://127.0.0.1:9" }],
    [{ JWT_JWKS_URL: "http://[::1]:9/k" }, { keySetUrl: "http://[::1]:9/k", issuer: "http://[::1]:9" }],
  ])("%j", (env, expected) => {
    expect(load(env).tokens.external).toEqual(expected);
  });

  test.each([
    ["http://id.example/keys", "keys that anybody on the way could replace"],
    ["http://localhost.example/keys", "a name that only begins like loopback"],
    ["http://127.0.0.1.example/keys", "and another"],
    ["ftp://id.example/keys", "a scheme that we do not speak"],
    ["file:///etc/keys.json", "a file"],
    ["id.example/keys", "no scheme"],
    ["https://me:hunter2@id.example/keys", "credentials"],
    ["https://id.example/keys#one", "a fragment"],
  ])("JWT_JWKS_URL=%s is refused: %s", (value) => {
    const { names, message } = refusalOf({ ...GOOD, JWT_JWKS_URL: value });
    expect(names).toEqual(["JWT_JWKS_URL"]);
    expect(message).not.toContain(value);
  });

  test.each<readonly [env: Environment, because: string]>([
    [{ JWT_JWKS_ISSUER: "https://id.example" }, "without its keys"],
    [{ JWT_JWKS_URL: URL_OF_KEYS, JWT_JWKS_ISSUER: "devmatch-gateway" }, "our own name, by default"],
    [{ JWT_JWKS_URL: URL_OF_KEYS, JWT_ISSUER: "https://id.example" }, "our own name, of the URL's origin"],
  ])("J-29: an issuer is refused: %j, %s", (env) => {
    expect(refusalOf({ ...GOOD, ...env }).names).toEqual(["JWT_JWKS_ISSUER"]);
  });
});

describe("how Redis is reached", () => {
  const PAIR = { UPSTASH_REDIS_REST_URL: "https://eu1.upstash.example", UPSTASH_REDIS_REST_TOKEN: "AX-token" };
  const UPSTASH = { kind: "upstash", url: "https://eu1.upstash.example", token: "AX-token" } as const;

  test.each([
    "redis://localhost",
    "redis://localhost:6379",
    "rediss://user:p%40ss@redis.example:6380/2",
    "redis://:password@[::1]:6379/",
  ])("%s, as it stands", (url) => {
    expect(load({ REDIS_URL: url }).redis).toEqual({ kind: "tcp", url });
  });

  test("over Upstash's REST on both runtimes", () => {
    expect(load(PAIR).redis).toEqual(UPSTASH);
    expect(load(PAIR, "connect").redis).toEqual(UPSTASH);
  });

  test.each<[env: Environment, name: string, because: string]>([
    [{ REDIS_URL: "localhost:6379" }, "REDIS_URL", "no scheme"],
    [{ REDIS_URL: "http://localhost:6379" }, "REDIS_URL", "another scheme"],
    [{ REDIS_URL: "redis://" }, "REDIS_URL", "no host"],
    [{ REDIS_URL: "redis:///run/redis.sock" }, "REDIS_URL", "a socket's path"],
    [{ REDIS_URL: "redis://localhost/db" }, "REDIS_URL", "a database without a number"],
    [{ REDIS_URL: "redis://localhost?enableOfflineQueue=true" }, "REDIS_URL", "clients read options from a query"],
    [{ UPSTASH_REDIS_REST_URL: PAIR.UPSTASH_REDIS_REST_URL }, "UPSTASH_REDIS_REST_TOKEN", "half of a pair"],
    [{ UPSTASH_REDIS_REST_TOKEN: "t" }, "UPSTASH_REDIS_REST_URL", "the other half"],
    [{ ...PAIR, UPSTASH_REDIS_REST_URL: "https://u.example/path" }, "UPSTASH_REDIS_REST_URL", "a path"],
    [{ ...PAIR, UPSTASH_REDIS_REST_TOKEN: "to ken" }, "UPSTASH_REDIS_REST_TOKEN", "no header can carry it"],
    [{ ...PAIR, REDIS_URL: "redis://localhost" }, "REDIS_URL", "two stores are one too many"],
    [{ REDIS_TIMEOUT: "0" }, "REDIS_TIMEOUT", "no time at all"],
    [{ REDIS_TIMEOUT: "11" }, "REDIS_TIMEOUT", "longer than a request should wait for it"],
  ])("refused: %o names %s (%s)", (env, name) => {
    expect(refusalOf({ ...GOOD, ...env }).names).toEqual([name]);
  });

  test("a Worker is told what it takes instead of REDIS_URL, and nobody sees the password", () => {
    const load = () =>
      loadConfig({ ...GOOD, REDIS_URL: "redis://:hunter2@localhost" }, { protocol: "connect", redisOverTcp: false });
    expect(load).toThrow(/REDIS_URL works on Node only: use UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN/);
    expect(load).not.toThrow(/hunter2/);
  });

  test("its time limit is in seconds", () => {
    expect(load({ REDIS_TIMEOUT: "0.25" }).redisTimeoutMs).toBe(250);
  });
});
