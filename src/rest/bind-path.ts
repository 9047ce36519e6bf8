import type { DescMessage } from "@bufbuild/protobuf";
import { formatPath, type Violations } from "../contract/violations.ts";
import type { AnyMessage } from "./message-fields.ts";
import type { PathVariable } from "./path-template.ts";
import { Refusal } from "./refusal.ts";
import { findTextField, namesOf, setText } from "./text-fields.ts";

/** The values of the template's variables, in its order; undefined is malformed percent-encoding. */
export type PathValues = readonly (string | undefined)[];

/** Writes path values into a message. Throws an Error for a variable whose field cannot come from a path. */
export function pathBinder(desc: DescMessage, variables: readonly PathVariable[]) {
  const targets = variables.map(({ fieldPath }) => {
    const target = findTextField(desc, fieldPath);
    if (target instanceof Refusal || target.repeated)
      throw new Error(`${desc}: ${fieldPath.join(".")} is no path field`);
    return target;
  });
  return (message: AnyMessage, values: PathValues, violations: Violations): void => {
    for (const [index, target] of targets.entries()) {
      const value = values[index];
      if (value !== undefined) setText(message, target, value, violations);
      else violations.addAt(namesOf(target), "has malformed percent-encoding", formatPath);
    }
  };
}
