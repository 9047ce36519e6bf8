import { describe, expect, test } from "vitest";
import { canonicalPath, UNROUTABLE_PATH } from "#src/rest/canonical-path.ts";

type Row = readonly [target: string, path: string, because: string];

/** The target goes through a Request, as it does in every runtime. */
const ROWS: readonly Row[] = [
  ["", "/", "a URL without a path has the root"],
  ["/", "/", "whose slash is not a trailing one"],
  ["/v1/tasks", "/v1/tasks", "most paths are canonical"],
  ["/v1/tasks/", "/v1/tasks", "one trailing slash is dropped; grpc-gateway takes it for an empty segment"],
  ["/v1/tasks//", UNROUTABLE_PATH, "two are an empty segment; Envoy's library drops them too"],
  ["//v1/tasks", UNROUTABLE_PATH, "as are two in front"],
  ["/v1//tasks", UNROUTABLE_PATH, "and in the middle"],
  ["//", UNROUTABLE_PATH, "and alone"],
  ["/v1/tasks?a=/b//c", "/v1/tasks", "the query is not the path, whatever is in it"],
  ["/v1/tasks/?a=b", "/v1/tasks", "the trailing slash is before the query"],
  ["/v1/tasks#a/b?c", "/v1/tasks", "nor is a fragment"],
  ["?a=/b", "/", "a query without a path"],
  ["/v1/a%2Fb", "/v1/a%2Fb", "an encoded slash stays encoded"],
  ["/v1/a%2F", "/v1/a%2F", "and is no trailing slash"],
  ["/v1/%zz", "/v1/%zz", "malformed percent-encoding is routed, then refused by what it is bound to"],
  ["/v1/caf%c3%a9", "/v1/caf%c3%a9", "the client's letter case stays"],
  ["/v1/café", "/v1/caf%C3%A9", "the URL parser encodes what must be encoded"],
  ["/v1/%41", "/v1/%41", "and decodes nothing"],
  ["/v1/a/../b", "/v1/b", "the URL parser resolves dot segments"],
  ["/v1/a/%2e%2E/b", "/v1/b", "written either way"],
  ["/v1/./b", "/v1/b", "the single one as well"],
  ["/../../etc", "/etc", "never above the root"],
  ["/v1/a/..%2Fb", "/v1/a/..%2Fb", "not with an encoded slash: that is one segment"],
  ["/v1/a\\b", "/v1/a/b", "the URL parser turns a backslash around"],
  ["/v1/a:b", "/v1/a:b", "a colon needs no encoding"],
  ["/V1/Tasks", "/V1/Tasks", "letter case is kept"],
];

describe("canonicalPath", () => {
  test.each(ROWS)("%s is %s: %s", (target, path) => {
    expect(canonicalPath(new Request(`http://gateway.test:8000${target}`).url)).toBe(path);
  });

  test("cuts a raw fragment that a server did not run through a URL parser", () => {
    expect(canonicalPath("http://gateway.test/v1/tasks#a?b")).toBe("/v1/tasks");
    expect(canonicalPath("http://gateway.test/v1/tasks?b#a")).toBe("/v1/tasks");
  });
});
