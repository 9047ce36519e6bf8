/** A suite calls more often from one address, and more at once, than any person does. */
export const UNLIMITED: Readonly<Record<string, string>> = {
  RATE_LIMIT_REQUESTS: "1000000",
  RATE_LIMIT_ANONYMOUS: "1000000",
  RATE_LIMIT_LOGIN: "1000000",
  UPSTREAM_MAX_IN_FLIGHT: "10000",
};
