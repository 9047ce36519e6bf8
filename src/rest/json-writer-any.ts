import { createRegistry, type DescFile, type DescMessage, type Message, type Registry } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { type WriteJson, writeString } from "./json-writer-scalars.ts";
import { unwritable } from "./unwritable.ts";

/** How a packed message is written: an object after the members that are already there, or a value of its own form. */
export interface PackedWriter {
  readonly hasOwnForm: boolean;
  write(message: Message, opening?: string): string;
}

/** Each level may hold a hundred more of plain messages, so this is plenty, and the stack is safe from hostile bytes. */
const MAX_NESTED_ANYS = 16;

/**
 * The writer of Any: the packed message's own members after an `@type`. It knows the types that `root` declares or
 * imports, however far away. A type beyond them is UPSTREAM_ERROR: its bytes would mean nothing to a client either.
 */
export function anyWriter(root: DescFile, writerOf: (type: DescMessage) => PackedWriter): WriteJson<Any> {
  let types: Registry | undefined;
  let depth = 0;

  const unpack = (any: Any): Message => {
    types ??= createRegistry(...withImports(root));
    let message: Message | undefined;
    try {
      message = anyUnpack(any, types);
    } catch (cause) {
      throw unwritable("google.protobuf.Any", `of ${any.typeUrl} has bytes that cannot be read`, cause);
    }
    if (message === undefined) throw unwritable("google.protobuf.Any", `of ${any.typeUrl}, which is not known here`);
    return message;
  };

  return (any) => {
    if (any.typeUrl === "" && any.value.length === 0) return "{}";
    if (depth === MAX_NESTED_ANYS) throw unwritable("google.protobuf.Any", `is nested over ${MAX_NESTED_ANYS} deep`);
    depth++;
    try {
      const message = unpack(any);
      const packed = writerOf(types!.getMessage(message.$typeName)!);
      const opening = `{"@type":${writeString(any.typeUrl)}`;
      return packed.hasOwnForm ? `${opening},"value":${packed.write(message)}}` : packed.write(message, opening);
    } finally {
      depth--;
    }
  };
}

function withImports(file: DescFile, found = new Set<DescFile>()): Set<DescFile> {
  if (!found.has(file)) {
    found.add(file);
    for (const dependency of file.dependencies) withImports(dependency, found);
  }
  return found;
}
