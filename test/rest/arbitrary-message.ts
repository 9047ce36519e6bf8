import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";

/** Any message of a type that JSON can express, as if it came from the wire. Unset optional fields stay unset. */
export function arbitraryMessage<Desc extends DescMessage>(type: Desc, depth = 2): fc.Arbitrary<MessageShape<Desc>> {
  return initOf(type, depth).map((init) => {
    const message = create(type as DescMessage, init);
    return fromBinary(type, toBinary(type as DescMessage, message));
  });
}

type Init = Record<string, unknown>;

function initOf(type: DescMessage, depth: number): fc.Arbitrary<Init> {
  const wellKnown = WELL_KNOWN[type.typeName];
  if (wellKnown !== undefined) return wellKnown;
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const member of type.members) {
    if (member.kind === "oneof") members[member.localName] = oneofOf(member.fields, depth);
    else if (depth > 0 || member.message === undefined) members[member.localName] = fieldOf(member, depth);
  }
  return fc.record(members, { requiredKeys: [] });
}

function oneofOf(fields: readonly DescField[], depth: number): fc.Arbitrary<unknown> {
  const flat = fields.filter((field) => depth > 0 || field.message === undefined);
  return fc.oneof(...flat.map((field) => elementOf(field, depth).map((value) => ({ case: field.localName, value }))));
}

function fieldOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const element = elementOf(field, depth);
  if (field.fieldKind === "list") return fc.array(element, { maxLength: 3 });
  if (field.fieldKind !== "map") return element;
  const entry = fc.tuple(keyOf(field.mapKey), element);
  // Object.fromEntries makes an own `__proto__`, which an assignment would not.
  return fc.array(entry, { maxLength: 3 }).map((entries) => Object.fromEntries(entries));
}

function elementOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.scalar !== undefined) return scalarOf(field.scalar, "longAsString" in field && field.longAsString);
  if (field.enum !== undefined) return enumOf(field);
  const { typeName } = field.message;
  if (typeName === "google.protobuf.Struct") return fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
  const wrapped = field.fieldKind === "message" && field.oneof === undefined && /\.\w+Value$/.test(typeName);
  const isWrapper = typeName.startsWith("google.protobuf.") && field.message.fields[0]?.name === "value";
  if (wrapped && isWrapper) return scalarOf(field.message.fields[0]!.scalar!, false);
  return initOf(field.message, depth - 1).map((init) => create(field.message, init) as Message);
}

/** Numbers without a name as well: a service may know more values than we do. NullValue has one value only. */
function enumOf(field: DescField): fc.Arbitrary<number> {
  if (field.enum!.typeName === "google.protobuf.NullValue") return fc.constant(0);
  return fc.oneof(fc.constantFrom(...field.enum!.values.map(({ number }) => number)), fc.integer());
}

const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.constant("__proto__"));

function scalarOf(type: ScalarType, longAsString: boolean): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 9 });
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.nat(0xffff_ffff);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.integer();
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    default:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((long) => (longAsString ? String(long) : long));
  }
}

function keyOf(type: ScalarType): fc.Arbitrary<string> {
  return scalarOf(type, true).map(String);
}

const nanos = fc.oneof(
  fc.constant(0),
  fc.nat(999_999_999),
  fc.nat(999).map((milli) => milli * 1_000_000),
);
const seconds = (min: number, max: number) => fc.integer({ min, max }).map(BigInt);
// A Value without a kind has a row of its own: toJson refuses it.
const value = fc.oneof(
  fc.constant({ kind: { case: "nullValue", value: 0 } }),
  text.map((string) => ({ kind: { case: "stringValue", value: string } })),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((number) => ({ kind: { case: "numberValue", value: number } })),
);

const WELL_KNOWN: Readonly<Record<string, fc.Arbitrary<Init>>> = {
  "google.protobuf.Timestamp": fc.record({ seconds: seconds(-62_135_596_800, 253_402_300_799), nanos }),
  "google.protobuf.Duration": fc
    .tuple(seconds(0, 315_576_000_000), nanos, fc.boolean())
    .map(([whole, part, minus]) => (minus ? { seconds: -whole, nanos: -part } : { seconds: whole, nanos: part })),
  "google.protobuf.FieldMask": fc.record({ paths: fc.array(fc.stringMatching(/^[a-z]{1,4}([._][a-z]{1,4}){0,2}$/)) }),
  "google.protobuf.Any": fc.constant({}),
  "google.protobuf.Value": value,
  "google.protobuf.ListValue": fc.record({ values: fc.array(value, { maxLength: 3 }) }),
};
