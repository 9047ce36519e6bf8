import { create, type DescMethod, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { policyOf } from "#src/contract/policy.ts";
import { compileValidator } from "#src/contract/request-rules.ts";
import { LibraryService, ReplaceBookRequestSchema } from "../gen/transcoder/v1/library_pb.ts";
import { RulesService, UpdateRuledRequestSchema } from "../gen/transcoder/v1/rules_pb.ts";

const validatorOf = (method: DescMethod) => compileValidator(method, policyOf(method));
const lines = (violations: readonly { field: string; message: string }[]) =>
  violations.map(({ field, message }) => `${field} ${message}`).join("; ");

describe("a request that a Connect or gRPC-Web client sent", () => {
  test("is checked as a whole, and named from the request message inwards", () => {
    const validate = validatorOf(RulesService.method.check);
    expect(lines(validate(create(RulesService.method.check.input, { email: "x", nested: {} })))).toBe(
      "email must be an e-mail address; nested.must is required",
    );
  });
});

describe("a partial update", () => {
  const validate = validatorOf(LibraryService.method.replaceBook);
  type Row = readonly [init: MessageInitShape<typeof ReplaceBookRequestSchema>, outcome: string, because: string];
  const rows: readonly Row[] = [
    [{ bookId: "b", changes: { title: "t" } }, "", "no mask: the fields that are set"],
    [{ bookId: "b", changes: { title: "" } }, "changes.title must not be blank", "are checked"],
    [{ bookId: "b", changes: { title: "t" }, updateMask: { paths: [] } }, "", "an empty mask is none"],
    [
      { bookId: "b", changes: { title: "t" }, updateMask: { paths: ["tags"] } },
      "changes.tags is required",
      "a mask names what is checked",
    ],
    [{ bookId: "b", updateMask: { paths: ["title"] } }, "changes.title is required", "also where no changes are"],
    [{ bookId: "b", updateMask: { paths: ["min_price"] } }, "", "a field that is emptied is zero"],
    [
      { bookId: "b", changes: { title: "" }, updateMask: { paths: ["min_price"] } },
      "",
      "and nothing else is looked at",
    ],
    [
      { bookId: "b", updateMask: { paths: ["nope", "min_price"] } },
      "update_mask names nope, which cannot be changed",
      "a path that leads nowhere",
    ],
    [
      { bookId: "b", updateMask: { paths: ["*"] } },
      "update_mask names *, which cannot be changed",
      "the star of AIP-134 is a whole replacement",
    ],
    [
      { bookId: "-", changes: { title: "t" } },
      "book_id must be 1 to 128 letters, digits, or any of ._:-, and begin with a letter or digit",
      "beside the changes all is as ever",
    ],
    [
      { bookId: "b" },
      "changes must have at least one of title, tags, min_price, max_price, genre, publisher, labels",
      "nothing to change",
    ],
    [
      { bookId: "b", changes: {} },
      "changes must have at least one of title, tags, min_price, max_price, genre, publisher, labels",
      "in an empty message neither",
    ],
    [
      { bookId: "b", changes: { minPrice: 3, maxPrice: 2 } },
      "changes.min_price must be less than max_price",
      "both fields of a pair",
    ],
  ];
  test("a path as long as a client likes is refused as fast as a short one", () => {
    const paths = [`publisher.${"address.".repeat(100_000)}city`];
    const init = { bookId: "b", updateMask: { paths } };
    expect(lines(validate(create(ReplaceBookRequestSchema, init)))).toMatch(/^update_mask names publisher\..*…, which/);
  });

  for (const [init, outcome, because] of rows) {
    test(`${JSON.stringify(init)}: ${because}`, () => {
      expect(lines(validate(create(ReplaceBookRequestSchema, init)))).toBe(outcome);
    });
  }

  test("a path into a message checks that field of it alone", () => {
    const update = validatorOf(RulesService.method.updateRuled);
    const ruled = { nested: { title: "abcdef" }, email: "x" };
    const check = (...paths: string[]) =>
      lines(update(create(UpdateRuledRequestSchema, { ruled, updateMask: { paths } })));
    expect(check("nested.title")).toBe("ruled.nested.title must be at most 5 characters");
    expect(check("nested.next")).toBe("");
    expect(check("nested.next", "nested")).toBe(
      "ruled.nested.title must be at most 5 characters; ruled.nested.must is required",
    );
    expect(check("nested", "nested.title", "email")).toBe(
      "ruled.email must be an e-mail address; ruled.nested.title must be at most 5 characters; ruled.nested.must is required",
    );
  });
});
