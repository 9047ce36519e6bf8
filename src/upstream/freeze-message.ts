import type { Message } from "@bufbuild/protobuf";

/**
 * Freezes a message and all that is in it, so that no request can change what others are given. Bytes cannot be frozen;
 * nobody writes into those.
 */
export function freezeMessage<M extends Message>(message: M): M {
  freeze(message);
  return message;
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}
