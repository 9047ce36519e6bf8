import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Access } from "#gen/policy/v1/policy_pb.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { compilePageHeaders } from "#src/rest/page-headers.ts";
import { EverythingSchema } from "../gen/transcoder/v1/everything_pb.ts";
import { ListShelvesResponseSchema } from "../gen/transcoder/v1/library_pb.ts";
import { annotatedService, httpRule } from "./annotated-service.ts";
import { bindingOf } from "./bindings.ts";

type Row = readonly [query: string, total: number, pages: string, because: string];

/** Pages: each relation with `limit@offset`. ListShelves has a default limit of 20. */
const PAGES: readonly Row[] = [
  ["", 100, "first 20@0, next 20@20, last 20@80", "the first page has no prev; the limit is the policy's"],
  ["offset=20", 100, "first 20@0, prev 20@0, next 20@40, last 20@80", "a page in the middle"],
  ["offset=80", 100, "first 20@0, prev 20@60, last 20@80", "the last page has no next"],
  ["offset=80&limit=20", 101, "first 20@0, prev 20@60, next 20@100, last 20@100", "one item makes a page"],
  ["limit=7", 20, "first 7@0, next 7@7, last 7@14", "a page that is not full"],
  ["limit=50", 20, "first 50@0, last 50@0", "all on one page"],
  ["limit=20", 20, "first 20@0, last 20@0", "exactly one page"],
  ["", 0, "first 20@0, last 20@0", "an empty list has one page: it was just answered"],
  ["offset=5&limit=20", 100, "first 20@0, prev 20@0, next 20@25, last 20@80", "prev does not go below 0"],
  ["offset=1000", 100, "first 20@0, prev 20@80, last 20@80", "beyond the end the way back is the last page"],
  ["offset=1000", 0, "first 20@0, prev 20@0, last 20@0", "of an empty list the only one"],
  ["limit=1e1", 30, "first 10@0, next 10@10, last 10@20", "ProtoJSON numbers have exponents, and the binder took it"],
  ["?limit=5", 6, "first 5@0, next 5@5, last 5@5", "the query may have its question mark"],
];

const pageHeaders = compilePageHeaders(bindingOf("GET /v1/shelves").rpc, bindingOf("GET /v1/shelves").policy.page!);

function linkOf(path: string, query: string, totalCount: number): string {
  return pageHeaders(create(ListShelvesResponseSchema, { totalCount }), { path, query }).link;
}

describe("the pages around a page", () => {
  for (const [query, total, pages, because] of PAGES) {
    test(`${query || "no query"} of ${total} → ${pages}: ${because}`, () => {
      const links = linkOf("/v1/shelves", query, total).split(", ");
      const found = links.map((link) => {
        const [, limit, offset, rel] = /^<\/v1\/shelves\?limit=(\d+)&offset=(\d+)>; rel="(\w+)"$/.exec(link)!;
        return `${rel} ${limit}@${offset}`;
      });
      expect(found.join(", ")).toBe(pages);
    });
  }
});

/** The target of `first`. */
const TARGETS: readonly (readonly [path: string, query: string, target: string, because: string])[] = [
  ["/v1/shelves", "theme=a&limit=5", "/v1/shelves?theme=a&limit=5&offset=0", "other parameters are kept"],
  ["/v1/shelves", "offset=5&a=1&a=2", "/v1/shelves?a=1&a=2&limit=20&offset=0", "repeated ones too, in their order"],
  ["/v1/shelves", "a[]=1", "/v1/shelves?a%5B%5D=1&limit=20&offset=0", "axios' brackets"],
  ["/v1/shelves", "q=a+b%26c", "/v1/shelves?q=a+b%26c&limit=20&offset=0", "what was encoded stays encoded"],
  [
    "/v1/shelves",
    'q=">é',
    "/v1/shelves?q=%22%3E%C3%A9&limit=20&offset=0",
    "what was not becomes so: > ends a reference",
  ],
  ["/v1/shelves/", "", "/v1/shelves?limit=20&offset=0", "one path for both spellings"],
  ["/v1/a%2Fb", "", "/v1/a%2Fb?limit=20&offset=0", "a path is not encoded twice"],
  ["/v1/é>", "", "/v1/%C3%A9%3E?limit=20&offset=0", "a raw one once"],
  ["/v1/\ud800", "", "/v1/%EF%BF%BD?limit=20&offset=0", "half a character does not throw"],
];

describe("the reference", () => {
  for (const [path, query, target, because] of TARGETS) {
    test(`${path}?${query}: ${because}`, () => {
      expect(linkOf(path, query, 0)).toContain(`<${target}>; rel="first"`);
    });
  }
});

describe("the fields of a page", () => {
  const page = {
    limitField: "uint32_value",
    offsetField: "fixed32_value",
    totalField: "int32_value",
    defaultLimit: 10,
  };
  const service = annotatedService({ http: httpRule("GET /v1/x"), policy: { access: Access.ANYONE, page } });
  const [binding] = httpBindings([service]);
  const headersOf = compilePageHeaders(binding!.rpc, binding!.policy.page!);

  test("a service that does not know its total and says -1 has none", () => {
    const headers = headersOf(create(EverythingSchema, { int32Value: -1 }), { path: "/v1/x", query: "" });
    expect(headers["x-total-count"]).toBe("0");
  });

  test("a query may name them by their JSON names; a link has the proto's", () => {
    const { link } = headersOf(create(EverythingSchema), { path: "/v1/x", query: "uint32Value=3&fixed32Value=3" });
    expect(link).toContain('</v1/x?uint32_value=3&fixed32_value=0>; rel="prev"');
  });
});
