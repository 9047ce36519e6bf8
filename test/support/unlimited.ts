/** A suite calls more often from one address than any person does, and for more people at once. */
export const UNLIMITED: Readonly<Record<string, string>> = {
  RATE_LIMIT_REQUESTS: "1000000",
  RATE_LIMIT_ANONYMOUS: "1000000",
  RATE_LIMIT_LOGIN: "1000000",
  UPSTREAM_MAX_IN_FLIGHT: "1000",
};
