import { type DescEnum, type DescEnumValue, getOption } from "@bufbuild/protobuf";
import { shortName, specifiedNames } from "../contract/enum-names.ts";
import { value as namesOf } from "../gen/policy/v1/policy_pb.ts";
import { type Json, JsonNumber } from "./json-reader.ts";
import { parseInteger } from "./number-text.ts";
import { Refusal } from "./refusal.ts";
import type { ScalarReader } from "./scalar-values.ts";

/**
 * How an enum is read: by a value's name in any letter case, with or without the prefix that all values share, by one
 * of its aliases (policy.v1.value), or by its number, which must be one that the enum knows. ProtoJSON takes unknown
 * numbers of an open enum; a public API has no use for a value that nobody can name.
 *
 * Throws an Error for a name that two values would share.
 */
export function enumReader(desc: DescEnum): ScalarReader {
  const numbers = new Map<string, number>();
  for (const value of desc.values) {
    for (const name of inputNames(value)) {
      const known = numbers.get(name.toUpperCase());
      if (known !== undefined && known !== value.number) throw new Error(`${desc} has two values named ${name}`);
      numbers.set(name.toUpperCase(), value.number);
    }
  }
  const unknown = new Refusal(`must be one of ${specifiedNames(desc).join(", ")}`);
  const fromNumber = (text: string) => {
    const number = parseInteger(text, -(2n ** 31n), 2n ** 31n - 1n);
    return typeof number === "bigint" && desc.value[Number(number)] !== undefined ? Number(number) : unknown;
  };
  const fromText = (text: string) => numbers.get(text) ?? numbers.get(text.toUpperCase()) ?? fromNumber(text);
  return {
    fromText,
    fromJson: (json: Json) => {
      if (typeof json === "string") return fromText(json);
      return json instanceof JsonNumber ? fromNumber(json.text) : unknown;
    },
  };
}

function inputNames(value: DescEnumValue): string[] {
  return [value.name, value.jsonName, shortName(value), ...getOption(value, namesOf).alias];
}
