import type { Config } from "../config.ts";
import { type AccessTokens, createAccessTokens } from "../identity/access-token.ts";
import { createRefreshTokens, type RefreshTokens } from "../identity/refresh-token.ts";
import { createRemoteKeys } from "../identity/remote-keys.ts";
import type { Ports } from "../ports.ts";
import { describeError } from "../telemetry/logger.ts";
import type { Telemetry } from "./telemetry.ts";

/** The tokens that clients show. */
export interface Identity {
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
}

/** Our own keys, and where tokens of an external issuer are accepted, that one's. Rejects with a ConfigError. */
export async function createIdentity(config: Config, ports: Ports, { logger }: Telemetry): Promise<Identity> {
  const { tokens, accessLifetimeSeconds: lifetimeSeconds } = config;
  const { now, fetch, keepAlive } = ports;
  const onFailure = (error: unknown) =>
    logger.log("warn", "the external issuer's keys were not fetched", { error: describeError(error) });
  const external = tokens.external && {
    issuer: tokens.external.issuer,
    keys: createRemoteKeys({ url: tokens.external.keySetUrl, fetch, now, keepAlive, onFailure }),
  };
  return {
    accessTokens: await createAccessTokens({ ...tokens, external, lifetimeSeconds, now }),
    refreshTokens: await createRefreshTokens(tokens),
  };
}
