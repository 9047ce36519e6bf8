/** All text of an error that a log could show, its fields and causes included. */
export function everythingIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, ...fields } = error;
  return `${error.message} ${error.stack} ${JSON.stringify(fields)} ${cause === undefined ? "" : everythingIn(cause)}`;
}
