import { create, type DescMethod, isFieldSet, type Message } from "@bufbuild/protobuf";
import { type FieldMask, FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { canonicalMaskPath, partialUpdateOf } from "../contract/partial-update.ts";
import type { RpcPolicy } from "../contract/policy.ts";

/**
 * Compiles what completes the mask of a partial update; undefined for any other rpc. None, or an empty one, becomes
 * the fields that the changes have set, as the rules have understood it; paths get the fields' own names.
 */
export function compileMaskCompletion(method: DescMethod, policy: RpcPolicy): ((request: Message) => void) | undefined {
  const partial = partialUpdateOf(method, policy);
  if (partial === undefined) return undefined;
  const { mask, changes } = partial;
  return (request) => {
    const fields = request as unknown as Record<string, unknown>;
    const sent = fields[mask.localName] as FieldMask | undefined;
    const changed = fields[changes.localName] as Message | undefined;
    const paths =
      sent !== undefined && sent.paths.length > 0
        ? sent.paths.map((path) => canonicalMaskPath(changes.message, path))
        : changes.message.fields.filter((field) => changed && isFieldSet(changed, field)).map(({ name }) => name);
    fields[mask.localName] = create(FieldMaskSchema, { paths });
  };
}
