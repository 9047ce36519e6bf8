/** Messages that the annotated protos do not have, because buf's lint would refuse them. */
import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** proto2: `optional string text = 1 [default = "a"]; required string must = 2;` */
export function proto2Message(): DescMessage {
  const { STRING } = FieldDescriptorProto_Type;
  const { OPTIONAL, REQUIRED } = FieldDescriptorProto_Label;
  const file = create(FileDescriptorProtoSchema, {
    name: "old.proto",
    syntax: "proto2",
    messageType: [
      {
        name: "Old",
        field: [
          { name: "text", number: 1, type: STRING, label: OPTIONAL, defaultValue: "a", jsonName: "text" },
          { name: "must", number: 2, type: STRING, label: REQUIRED, jsonName: "must" },
        ],
      },
    ],
  });
  return messageOf(file, "Old");
}

/** A message with an enum that has two names for 1: STATE_ON and STATE_ACTIVE. */
export function aliasedEnum(): DescMessage {
  const file = create(FileDescriptorProtoSchema, {
    name: "aliased.proto",
    syntax: "proto3",
    enumType: [
      {
        name: "State",
        options: { allowAlias: true },
        value: [
          { name: "STATE_UNSPECIFIED", number: 0 },
          { name: "STATE_ON", number: 1 },
          { name: "STATE_ACTIVE", number: 1 },
        ],
      },
    ],
    messageType: [
      {
        name: "Aliased",
        field: [
          {
            name: "state",
            number: 1,
            type: FieldDescriptorProto_Type.ENUM,
            label: FieldDescriptorProto_Label.OPTIONAL,
            typeName: ".State",
            jsonName: "state",
          },
        ],
      },
    ],
  });
  return messageOf(file, "Aliased");
}

function messageOf(file: FileDescriptorProto, name: string): DescMessage {
  return createFileRegistry(file, () => undefined).getMessage(name)!;
}
