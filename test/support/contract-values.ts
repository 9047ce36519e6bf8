import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import protobuf from "protobufjs";

/** A message as plain data that is neither library's: proto names, enums as numbers, 64-bit integers as text. */
export type Plain = { [field: string]: unknown };

/**
 * A message in which every field at every depth has a value of its own: two fields that were swapped, or one that was
 * dropped, cannot go unnoticed.
 */
export function filled(type: protobuf.Type): Plain {
  let last = 0;
  const next = () => ++last;
  const scalar = (name: string, of: string): unknown => {
    switch (of) {
      case "string":
        return `${name} ${next()} ü😀`;
      // Fractions that float32 has exactly.
      case "double":
      case "float":
        return next() + 0.25;
      case "bool":
        return true;
      case "int64":
        // Beyond what a double can hold.
        return String(2n ** 60n + BigInt(next()));
      case "uint32":
        // Beyond what an int32 can hold.
        return 4_000_000_000 + next();
      default:
        return -next();
    }
  };
  const one = (field: protobuf.Field): unknown => {
    const of = field.resolvedType;
    if (of instanceof protobuf.Enum) return Math.max(...Object.values(of.values));
    return of instanceof protobuf.Type ? message(of) : scalar(field.name, field.type);
  };
  const value = (field: protobuf.Field): unknown => {
    if (field instanceof protobuf.MapField) return { [`a ${next()}`]: one(field), [`b ${next()}`]: one(field) };
    return field.repeated ? [one(field), one(field)] : one(field);
  };
  const message = (of: protobuf.Type): Plain => {
    // A Timestamp has bounds of its own.
    if (of.fullName === ".google.protobuf.Timestamp")
      return { seconds: String(1_700_000_000 + next()), nanos: 123_456_000 };
    return Object.fromEntries(of.fieldsArray.map((field) => [field.name, value(field)]));
  };
  return message(type);
}

/** Plain data as the gateway's library has it. */
export function toMessage(desc: DescMessage, plain: Plain): Message {
  const message = create(desc);
  const open = reflect(desc, message);
  for (const [name, value] of Object.entries(plain)) {
    const field = desc.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new Error(`${desc.typeName} has no field ${name}`);
    if (field.fieldKind === "list") {
      for (const item of value as unknown[]) open.get(field).add(into(field, item));
    } else if (field.fieldKind === "map") {
      for (const [key, item] of Object.entries(value as Plain)) open.get(field).set(key, into(field, item));
    } else open.set(field, into(field, value));
  }
  return message;
}

/** A message of the gateway's library as plain data; what is not set is left out. */
export function toPlain(desc: DescMessage, message: Message): Plain {
  const open = reflect(desc, message);
  const plain: Plain = {};
  for (const field of desc.fields) {
    if (!open.isSet(field)) continue;
    if (field.fieldKind === "list") plain[field.name] = [...open.get(field)].map((item) => outOf(field, item));
    else if (field.fieldKind === "map") {
      plain[field.name] = Object.fromEntries([...open.get(field)].map(([key, item]) => [key, outOf(field, item)]));
    } else plain[field.name] = outOf(field, open.get(field));
  }
  return plain;
}

function into(field: DescField, value: unknown): never {
  if (field.message !== undefined) return reflect(field.message, toMessage(field.message, value as Plain)) as never;
  return (is64Bit(field) ? BigInt(value as string) : value) as never;
}

function outOf(field: DescField, value: unknown): unknown {
  if (field.message !== undefined) return toPlain(field.message, (value as { message: Message }).message);
  return is64Bit(field) ? String(value) : value;
}

function is64Bit(field: DescField): boolean {
  return field.scalar === ScalarType.INT64;
}
