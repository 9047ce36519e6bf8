/** A suite calls more often from one address than any person does. */
export const UNLIMITED: Readonly<Record<string, string>> = {
  RATE_LIMIT_REQUESTS: "1000000",
  RATE_LIMIT_ANONYMOUS: "1000000",
  RATE_LIMIT_LOGIN: "1000000",
};
