import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";

/** A message whose type is known by its descriptor only. */
export type AnyMessage = Message & Record<string, unknown>;

interface OneofValue {
  readonly case: string | undefined;
  readonly value?: unknown;
}

/** What protobuf-es keeps for a field, or undefined where the field is not there. */
export function getField(message: AnyMessage, field: DescField): unknown {
  if (field.oneof === undefined) return message[field.localName];
  const oneof = message[field.oneof.localName] as OneofValue;
  return oneof.case === field.localName ? oneof.value : undefined;
}

export function setField(message: AnyMessage, field: DescField, value: unknown): void {
  if (field.oneof === undefined) message[field.localName] = value;
  else message[field.oneof.localName] = { case: field.localName, value } satisfies OneofValue;
}

/** What forbids to set a field: the proto name of the member that its oneof already has. */
export function otherMember(message: AnyMessage, field: DescField): string | undefined {
  if (field.oneof === undefined) return undefined;
  const present = (message[field.oneof.localName] as OneofValue).case;
  if (present === undefined || present === field.localName) return undefined;
  return field.oneof.fields.find((member) => member.localName === present)?.name;
}

/** What is wrong with a second member of a oneof; it goes on after the field's name. */
export function conflict(other: string): string {
  return `cannot be sent together with ${other}`;
}

/** The message in a singular message field, made where there is none: path, body and query may each fill a part. */
export function childOf(message: AnyMessage, field: DescField & { message: DescMessage }): AnyMessage {
  const present = getField(message, field);
  if (present !== undefined) return present as AnyMessage;
  const child = create(field.message) as AnyMessage;
  setField(message, field, child);
  return child;
}

/** Sets an own property, also where the key is `__proto__`, which assignment would take for the prototype. */
export function setOwn(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    record[key] = value;
  }
}
