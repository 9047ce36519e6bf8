import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ListTasksResponseSchema } from "#gen/gateway/v1/tasks_pb.ts";
import { compileJsonWriter } from "#src/rest/json-writer.ts";
import { EverythingSchema, NestedSchema } from "../gen/transcoder/v1/everything_pb.ts";
import { BookSchema } from "../gen/transcoder/v1/library_pb.ts";
import { arbitraryMessage } from "./arbitrary-message.ts";

describe("what we write reads back as what protobuf-es writes", () => {
  for (const type of [EverythingSchema, NestedSchema, BookSchema, ListTasksResponseSchema]) {
    test(type.typeName, () => agreesWithToJson(type));
  }
});

function agreesWithToJson<Desc extends DescMessage>(type: Desc): void {
  const write = compileJsonWriter(type);
  fc.assert(
    fc.property(arbitraryMessage(type), (message: MessageShape<Desc>) => {
      const theirs = toJson(type, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
      expect(textOf(type, JSON.parse(write(message)))).toBe(textOf(type, theirs));
    }),
    { numRuns: 300 },
  );
}

/** JSON in which nothing is left that we write otherwise on purpose: short enum names, and floats in fewer digits. */
function textOf(type: DescMessage, json: JsonValue): string {
  return JSON.stringify(inOurWay(type, json), (_, value) => (Object.is(value, -0) ? "-0" : value));
}

function inOurWay(type: DescMessage, json: JsonValue): JsonValue {
  if (typeof json !== "object" || json === null || type.typeName.startsWith("google.protobuf.")) return json;
  return mapMembers(json as JsonObject, (value, name) => {
    const field = type.fields.find((candidate) => candidate.name === name)!;
    if (field.fieldKind === "list") return (value as JsonValue[]).map((item) => elementInOurWay(field, item));
    if (field.fieldKind === "map") return mapMembers(value as JsonObject, (entry) => elementInOurWay(field, entry));
    return elementInOurWay(field, value);
  });
}

function elementInOurWay(field: DescField, json: JsonValue): JsonValue {
  if (field.enum?.sharedPrefix !== undefined && typeof json === "string") {
    return json.startsWith(field.enum.sharedPrefix.toUpperCase()) ? json.slice(field.enum.sharedPrefix.length) : json;
  }
  const isFloat = field.scalar === ScalarType.FLOAT || field.message?.typeName === "google.protobuf.FloatValue";
  if (isFloat && typeof json === "number") return Math.fround(json);
  return field.message === undefined ? json : inOurWay(field.message, json);
}

function mapMembers(object: JsonObject, map: (value: JsonValue, name: string) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value, name)]));
}
