import type { PathTemplate, PathVariable } from "./path-template.ts";

/**
 * The values that a path gives to a template's variables, in the order of `template.variables`. Undefined is a value
 * that cannot be decoded: a `%` without two hexadecimal digits, or bytes that are not UTF-8. That is the client's
 * mistake, hence a value here and a 400 later.
 */
export type CapturedValues = readonly (string | undefined)[];

/**
 * Makes the function that captures a template's variables from a canonical path (see canonical-path.ts) that matches
 * the template. Where each value begins and ends is cut from the raw path first and decoded afterwards, so an encoded
 * slash is never a separator.
 *
 * As google/api/http.proto has it, a variable of one segment decodes everything, one of more segments keeps `%2F`,
 * because there a decoded slash would become one more segment. (So `%2F` and `%252F` give the same value there. The
 * library behind Envoy keeps all reserved characters encoded unless it is told otherwise, which is Google's older
 * rule.) A plus is a plus: it is a space in queries only.
 */
export function pathCapture({ variables, verb }: PathTemplate): (path: string) => CapturedValues {
  if (variables.length === 0) return () => [];
  const verbLength = verb === "" ? 0 : verb.length + 1;
  const segmentsNeeded = Math.max(...variables.map(({ start, end }) => end ?? start)) + 1;
  return (path) => {
    const length = path.length - verbLength;
    const slashes = slashesOf(path, length, segmentsNeeded);
    return variables.map((variable) => decode(rawValue(path, length, slashes, variable), variable.multiSegment));
  };
}

/** Where the slash before each of the first `count` segments stands; `length` for segments that the path lacks. */
function slashesOf(path: string, length: number, count: number): readonly number[] {
  const slashes: number[] = [];
  let slash = 0;
  for (let segment = 0; segment < count; segment++) {
    slashes.push(slash);
    if (slash < length) slash = path.indexOf("/", slash + 1);
    if (slash === -1) slash = length;
  }
  return slashes;
}

function rawValue(path: string, length: number, slashes: readonly number[], { start, end }: PathVariable): string {
  const first = slashes[start]! + 1;
  const last = end === undefined ? length : slashes[end]!;
  // `**` that captures no segment begins after the end.
  return first < last ? path.slice(first, last) : "";
}

const ENCODED_SLASH = /%2f/gi;

function decode(raw: string, multiSegment: boolean): string | undefined {
  if (!raw.includes("%")) return raw;
  // Encoding the encoded slash's own `%` lets one standard decoding pass keep it, in the letter case it came in.
  const encoded = multiSegment ? raw.replace(ENCODED_SLASH, (slash) => `%25${slash.slice(1)}`) : raw;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
