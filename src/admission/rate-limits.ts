import type { RateLimit } from "./admission-store.ts";

/** RATE_LIMIT_… of the configuration. */
export interface RateLimitSettings {
  readonly windowMs: number;
  /** For each signed-in user. */
  readonly requests: number;
  /** For each address that nobody has signed in from, as far as the request shows. */
  readonly anonymous: number;
  /** For each account, on login, register and refresh. */
  readonly login: number;
}

/** The limits of the gateway, by who is counted. */
export interface RateLimits {
  readonly user: RateLimit;
  readonly anonymous: RateLimit;
  /** Guesses at one account, wherever they come from. */
  readonly account: RateLimit;
  /** Sign-ins from one address, at whatever accounts. */
  readonly signIn: RateLimit;
  /** Sign-ins in all: many addresses that guess together. */
  readonly signInTotal: RateLimit;
}

const SIGN_IN_PER_ADDRESS = 10;
/** What ten addresses may do together, 1000 a minute unless told: each sign-in costs the User Service a password hash. */
const SIGN_IN_IN_ALL = 100;

export function rateLimitsFrom({ windowMs, requests, anonymous, login }: RateLimitSettings): RateLimits {
  return {
    user: { name: "user", quota: requests, windowMs },
    anonymous: { name: "anonymous", quota: anonymous, windowMs },
    account: { name: "account", quota: login, windowMs },
    signIn: { name: "sign-in", quota: login * SIGN_IN_PER_ADDRESS, windowMs },
    signInTotal: { name: "sign-in-total", quota: login * SIGN_IN_IN_ALL, windowMs, shared: true },
  };
}
