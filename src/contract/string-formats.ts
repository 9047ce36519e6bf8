/** What an id is everywhere in this API: contract.md section 7. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

export function isId(text: string): boolean {
  return ID.test(text);
}

/**
 * A character that a reader can see. White space is none, and neither are control characters and those that Unicode
 * asks to draw as nothing (zero width space, soft hyphen, Hangul filler): a title made of them looks empty.
 */
const VISIBLE = /[^\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}]/u;

export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}

/** HTML's definition for input type email, with at least two labels in the domain. */
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$/;

/** The longest address that SMTP can carry (RFC 5321, erratum 1690). It also bounds what the expression is shown. */
const LONGEST_EMAIL = 254;

export function isEmail(text: string): boolean {
  return text.length <= LONGEST_EMAIL && EMAIL.test(text);
}

/**
 * An absolute URL as it will be followed. The expression comes first because the URL parser forgives: it drops white
 * space and line breaks, and takes `http:host` and `http:\\host` for what they are not.
 */
const HTTP_URL = /^https?:\/\/[^/?#@\s\\]+(?:[/?#]\S*)?$/i;

/** Without credentials: whoever shows such a link shows them. */
export function isHttpUrl(text: string): boolean {
  return HTTP_URL.test(text) && URL.canParse(text);
}

/** Whether a text has at least this many Unicode code points. It reads no more of it than it needs to know. */
export function hasCodePoints(text: string, least: number): boolean {
  if (text.length < least) return false;
  // A code point has one or two units.
  if (text.length >= least * 2) return true;
  let count = 0;
  for (const _ of text) count += 1;
  return count >= least;
}
