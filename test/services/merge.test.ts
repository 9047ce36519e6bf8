import { create } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { createMerge } from "#src/services/merge.ts";

const merge = createMerge(create(FieldMaskSchema, { paths: ["title", "skill_tags"] }));

test("a field that the mask names is changed", () => {
  expect(merge("title", "new", "", "old")).toBe("new");
  expect(merge("skill_tags", ["new"], [], ["old"])).toEqual(["new"]);
});

test("to what is falsy too", () => {
  expect(merge("title", "", "cleared", "old")).toBe("");
  expect(createMerge(create(FieldMaskSchema, { paths: ["rate"] }))("rate", 0, 1, 7)).toBe(0);
});

test("a field that the mask names and the change leaves out is cleared", () => {
  expect(merge("title", undefined, "", "old")).toBe("");
});

test("a field that the mask does not name stays, whatever the change says", () => {
  expect(merge("description", "new", "", "old")).toBe("old");
});

test("names are those of the .proto", () => {
  expect(merge("skillTags", ["new"], [], ["old"])).toEqual(["old"]);
});

test("without a mask nothing changes", () => {
  expect(createMerge(undefined)("title", "new", "", "old")).toBe("old");
});
