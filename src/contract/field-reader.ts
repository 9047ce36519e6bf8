import type { DescField, Message } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";

/**
 * Compiles the reader of one field: its value as protobuf-es keeps it, or undefined for one that is not set. Fields
 * without presence, lists and maps are always set. protobuf-es' reflection does the same and wraps every value.
 */
export function fieldReader(field: DescField): (message: Message) => unknown {
  const name = field.localName;
  if (field.oneof !== undefined) {
    const oneof = field.oneof.localName;
    return (message) => {
      const member = properties(message)[oneof] as { case?: string; value?: unknown };
      return member.case === name ? member.value : undefined;
    };
  }
  if (field.presence === FeatureSet_FieldPresence.IMPLICIT || field.fieldKind === "message") {
    return (message) => properties(message)[name];
  }
  // proto2 and editions keep the default of an unset scalar or enum on the prototype.
  return (message) => (Object.hasOwn(message, name) ? properties(message)[name] : undefined);
}

function properties(message: Message): Readonly<Record<string, unknown>> {
  return message as unknown as Readonly<Record<string, unknown>>;
}
