import { Refusal } from "./refusal.ts";

/**
 * JSON's grammar of a number, wherever one is written: in a path, a query or a JSON string as well. So `+1`, `.5`,
 * `0x10`, `007`, ` 1` and the empty string are none. ProtoJSON asks for it in strings, and a second grammar for paths
 * would let the same text mean something elsewhere.
 */
const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** More digits than any 64-bit integer has. */
const TOO_MANY_DIGITS = 21;

const NOT_A_NUMBER = new Refusal("must be a number");
const NOT_FINITE = new Refusal("must be a finite number");
const NOT_WHOLE = new Refusal("must be a whole number");
const NON_FINITE_NAMES: readonly string[] = ["NaN", "Infinity", "-Infinity"];

/** Beyond the largest float or double a number would silently become an infinity. */
const OUT_OF_RANGE = new Refusal("is out of range");

/** A double. ProtoJSON's "NaN" and "Infinity" are refused: no field of this API means anything by them. */
export function parseDouble(text: string): number | Refusal {
  if (!NUMBER.test(text)) return NON_FINITE_NAMES.includes(text) ? NOT_FINITE : NOT_A_NUMBER;
  const value = Number(text);
  return Number.isFinite(value) ? value : OUT_OF_RANGE;
}

/** A float, rounded to what it will be on the wire. */
export function parseFloat32(text: string): number | Refusal {
  const value = parseDouble(text);
  if (value instanceof Refusal) return value;
  const rounded = Math.fround(value);
  return Number.isFinite(rounded) ? rounded : OUT_OF_RANGE;
}

/**
 * A whole number by its value: `1.0` and `1e2` are whole, as ProtoJSON has it, `1.5` is not. Exact at any size, which
 * Number() is not: it takes 0.99999999999999999999 for 1.
 */
export function parseInteger(text: string, min: bigint, max: bigint): bigint | Refusal {
  const match = NUMBER.exec(text);
  if (match === null) return NOT_WHOLE;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = withoutTrailingZeros(digits);
  if (significant === "") return 0n;
  const zeros = Number(exponent) - fraction.length + digits.length - significant.length;
  if (zeros < 0) return NOT_WHOLE;
  if (significant.length + zeros >= TOO_MANY_DIGITS) return range(min, max);
  const value = BigInt(sign + significant) * 10n ** BigInt(zeros);
  return value < min || value > max ? range(min, max) : value;
}

function range(min: bigint, max: bigint): Refusal {
  return new Refusal(`must be a whole number from ${min} to ${max}`);
}

/** By hand, because `/0+$/` takes quadratic time on long runs of zeros that end in another digit. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === "0") end -= 1;
  return digits.slice(0, end);
}
