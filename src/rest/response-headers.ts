/** Headers by their lower-case names. */
export type PlainHeaders = Readonly<Record<string, string>>;

/**
 * Our headers, and those that an implementation set where we have none. A plain object unless there are any of the
 * latter, which is rare: on Node the lightweight Response then builds no Headers at all. (With them it takes a Headers,
 * since more than one Set-Cookie does not fit in an object.)
 */
export function headersWith(ours: PlainHeaders, theirs: Headers | undefined): PlainHeaders | Headers {
  if (theirs === undefined || theirs.keys().next().done) return ours;
  const headers = new Headers(theirs);
  for (const name of Object.keys(ours)) headers.set(name, ours[name]!);
  return headers;
}

/** Headers and more of them; the latter win. What is given is not changed. */
export function withHeaders(headers: PlainHeaders | Headers, more: PlainHeaders): PlainHeaders | Headers {
  if (!(headers instanceof Headers)) return { ...headers, ...more };
  const all = new Headers(headers);
  for (const name of Object.keys(more)) all.set(name, more[name]!);
  return all;
}

/** Headers without one of them. */
export function withoutHeader(headers: PlainHeaders | Headers, name: string): PlainHeaders | Headers {
  const left = new Headers(headers);
  left.delete(name);
  return left;
}

/** One header's value. */
export function headerOf(headers: PlainHeaders | Headers, name: string): string | undefined {
  return headers instanceof Headers ? (headers.get(name) ?? undefined) : headers[name];
}
