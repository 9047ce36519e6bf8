import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { GatewayError } from "#src/errors.ts";
import { HttpBodySchema } from "#src/gen/google/api/httpbody_pb.ts";
import { compileBinder, compileRequestReader } from "#src/rest/bind-request.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { EverythingSchema } from "../gen/transcoder/v1/everything_pb.ts";
import {
  CreateBookRequestSchema,
  GetBookRequestSchema,
  ListBooksRequestSchema,
  PublishBookRequestSchema,
  PutFileRequestSchema,
  SearchBooksRequestSchema,
} from "../gen/transcoder/v1/library_pb.ts";
import { annotatedService, httpRule } from "./annotated-service.ts";
import { readerFor, type Sent } from "./read-request.ts";

/** What was sent, what it gives (fields, or the violations), and why. */
type Row<Desc extends DescMessage> = readonly [sent: Sent, outcome: MessageInitShape<Desc> | string, because: string];

function check<Desc extends DescMessage>(route: string, desc: Desc, rows: readonly Row<Desc>[]): void {
  const read = readerFor(route);
  for (const [sent, outcome, because] of rows) {
    test(`${JSON.stringify(sent)}: ${because}`, () => {
      expect(read(sent)).toEqual(typeof outcome === "string" ? outcome : create(desc, outcome));
    });
  }
}

describe("path values", () => {
  const path = (value: string | undefined): Sent => ({ path: [value] });
  const rows = (variable: string, ...list: Row<typeof EverythingSchema>[]) =>
    describe(variable, () => check(`GET /v1/path/${variable}`, EverythingSchema, list));
  rows(
    "int32/{int32_value}",
    [path("-7"), { int32Value: -7 }, "a number from text"],
    [path("1e1"), { int32Value: 10 }, "by the same grammar as in JSON; grpc-gateway refuses it"],
    [path("2147483648"), "int32_value must be a whole number from -2147483648 to 2147483647", "with the same range"],
    [path("007"), "int32_value must be a whole number", "grpc-gateway reads 7"],
    [path("0x10"), "int32_value must be a whole number", "grpc-gateway reads 16"],
    [path("1 "), "int32_value must be a whole number", "an encoded space is not trimmed"],
    [path(undefined), "int32_value has malformed percent-encoding", "grpc-gateway leaves it as it is"],
  );
  rows("int64/{int64_value}", [
    path("9007199254740993"),
    { int64Value: 9007199254740993n },
    "text is exact, whatever its size",
  ]);
  rows("uint64/{uint64_value}", [path("18446744073709551615"), { uint64Value: 2n ** 64n - 1n }, "to the last"]);
  rows("uint32/{uint32_value}", [path("-1"), "uint32_value must be a whole number from 0 to 4294967295", "unsigned"]);
  rows(
    "double/{double_value}",
    [path("1.5e3"), { doubleValue: 1500 }, "a double"],
    [path("NaN"), "double_value must be a finite number", "grpc-gateway and Envoy's library take it"],
  );
  rows("float/{float_value}", [path("3.5e38"), "float_value is out of range", "a float"]);
  rows(
    "bool/{bool_value}",
    [path("true"), { boolValue: true }, "one of two words"],
    [path("false"), {}, "and the other"],
    [path("1"), "bool_value must be true or false", "grpc-gateway takes 1, t, T, TRUE"],
    [path("True"), "bool_value must be true or false", "and True"],
  );
  rows(
    "string/{string_value}",
    [path("a+b c/d"), { stringValue: "a+b c/d" }, "text as the path has decoded it: a plus is a plus"],
    [path("true"), { stringValue: "true" }, "whatever it looks like"],
  );
  rows("bytes/{bytes_value}", [path("_-8"), { bytesValue: new Uint8Array([255, 239]) }, "base64, which URLs write so"]);
  rows(
    "color/{color}",
    [path("dark_blue"), { color: 2 }, "an enum by its short name; Envoy's library wants the full one"],
    [path("2"), { color: 2 }, "or number"],
    [path("9"), "color must be one of RED, DARK_BLUE, INFRARED", "that it knows; vanguard-go takes any"],
  );
  rows("timestamp/{timestamp}", [
    path("1970-01-01T00:00:01Z"),
    { timestamp: { seconds: 1n } },
    "a well-known type with a text form",
  ]);
  rows("duration/{duration}", [path("1.5s"), { duration: { seconds: 1n, nanos: 500_000_000 } }, "another"]);
  rows("field_mask/{field_mask}", [path("aB,c_d"), { fieldMask: { paths: ["a_b", "c_d"] } }, "a mask"]);
  rows("wrapper/{int64_wrapper}", [path("5"), { int64Wrapper: 5n }, "a wrapper as its scalar"]);
  rows("oneof/{oneof_string}", [path("x"), { choice: { case: "oneofString", value: "x" } }, "a member of a oneof"]);
  rows(
    "nested/{nested.count}/{nested.nested.label}",
    [{ path: ["3", "x"] }, { nested: { count: 3, nested: { label: "x" } } }, "fields inside messages, made as needed"],
    [
      { path: ["x", undefined] },
      "nested.count must be a whole number; nested.nested.label has malformed percent-encoding",
      "both at once",
    ],
  );
});

describe("path values are immutable", () => {
  const HELD = "is set by the path and cannot be sent again";
  check("POST /v1/{name=shelves/*/books/*}:publish", PublishBookRequestSchema, [
    [{ path: ["n"], body: '{"channels":["a"]}' }, { name: "n", channels: ["a"] }, "the body fills the rest"],
    [
      { path: ["n"], body: '{"name":"m","channels":["a"]}' },
      `name ${HELD}`,
      "in grpc-gateway the body would lose, in vanguard win",
    ],
    [
      { path: ["n"], body: '{"name":"n","channels":["a"]}' },
      `name ${HELD}`,
      "the same value again: nobody has to compare",
    ],
    [{ path: ["n"], body: '{"name":null,"channels":["a"]}' }, `name ${HELD}`, "null would clear it elsewhere"],
    [
      { path: ["n"], query: "name=m", body: '{"channels":["a"]}' },
      "name is not a known parameter",
      'body "*" leaves no query',
    ],
  ]);
  check("GET /v1/{parent=shelves/*}/books", ListBooksRequestSchema, [
    [{ path: ["p"], query: "parent=q" }, `parent ${HELD}`, "in Envoy's library and vanguard the query would win"],
    [{ path: ["p"], query: "%70arent=q" }, `parent ${HELD}`, "an encoded name is the same name"],
    [{ path: ["p"], query: "parent=" }, `parent ${HELD}`, "an empty value is a value"],
  ]);
  check("GET /v1/shelves/{at.shelf_id}/positions/{at.position}", GetBookRequestSchema, [
    [{ path: ["s", "3"] }, { at: { shelfId: "s", position: 3 } }, "two variables in one message"],
    [{ path: ["s", "3"], query: "at.shelfId=t" }, `at.shelf_id ${HELD}`, "by its JSON name as well"],
    [{ path: ["s", "3"], query: "at=x" }, "at cannot be sent in the query", "nor the message as a whole"],
    [
      { path: ["s", "3"], query: "isbn=5" },
      { at: { shelfId: "s", position: 3 }, isbn: 5n },
      "what is beside it may be sent",
    ],
  ]);
  check("POST /v1/path/all/{nested.label}", EverythingSchema, [
    [
      { path: ["x"], body: '{"nested":{"count":1}}' },
      { nested: { label: "x", count: 1 } },
      "the body fills the message around it",
    ],
    [{ path: ["x"], body: '{"nested":{"label":"y"}}' }, `nested.label ${HELD}`, "but not the field"],
    [{ path: ["x"], body: '{"nested":null}' }, { nested: { label: "x" } }, "null adds nothing and takes nothing away"],
    [
      { path: ["x"], body: '{"nested":{"nested":{"label":"y"}}}' },
      { nested: { label: "x", nested: { label: "y" } } },
      "a field of the same name elsewhere is another",
    ],
  ]);
});

describe("query parameters", () => {
  check("GET /v1/{parent=shelves/*}/books", ListBooksRequestSchema, [
    [{ path: ["p"], query: "" }, { parent: "p" }, "none"],
    [{ path: ["p"], query: "limit=5" }, { parent: "p", limit: 5 }, "one"],
    [{ path: ["p"], query: "&limit=5&&" }, { parent: "p", limit: 5 }, "empty pairs are nothing"],
    [
      { path: ["p"], query: "limit=5&limit=6" },
      "limit must be sent once",
      "a second value; Envoy's library keeps the last",
    ],
    [{ path: ["p"], query: "limit=5&limit=5" }, "limit must be sent once", "even the same"],
    [{ path: ["p"], query: "limit" }, "limit must be a whole number", "no value is the empty one"],
    [{ path: ["p"], query: "limit[]=5" }, "limit[] is not a known parameter", "what does not repeat has no brackets"],
    [
      { path: ["p"], query: "genres=novel&genres[]=ESSAY" },
      { parent: "p", genres: [1, 3] },
      "both spellings, in the order sent",
    ],
    [
      { path: ["p"], query: "genres=novel&genres=x" },
      "genres[1] must be one of NOVEL, SCIENCE_FICTION, ESSAY",
      "an item by its index",
    ],
    [
      { path: ["p"], query: "genres=sci-fi&genres%5B%5D=Sf" },
      { parent: "p", genres: [2, 2] },
      "aliases; encoded brackets",
    ],
    [
      { path: ["p"], query: "filter.author=a+b%2Bc%26" },
      { parent: "p", filter: { author: "a b+c&" } },
      "nested by dots; a plus is a space",
    ],
    [
      { path: ["p"], query: "filter.publishedIn.countryCode=CH" },
      { parent: "p", filter: { publishedIn: { country: "CH" } } },
      "JSON names on the way",
    ],
    [
      { path: ["p"], query: "filter.published_in.country=CH" },
      { parent: "p", filter: { publishedIn: { country: "CH" } } },
      "or proto names",
    ],
    [
      { path: ["p"], query: "filter.author=a&filter.tags=b" },
      { parent: "p", filter: { author: "a", tags: ["b"] } },
      "several into one message",
    ],
    [
      { path: ["p"], query: "filter.tags=a&filter.tags= &filter.tags=%20" },
      "filter.tags[1] must not be blank; filter.tags[2] must not be blank",
      "rules name the same path",
    ],
    [
      { path: ["p"], query: "filter.price_below=1&filter.priceAbove=2" },
      "filter.price_above cannot be sent together with price_below",
      "a second member of a oneof",
    ],
    [{ path: ["p"], query: "filter.nope=1" }, "filter.nope is not a known parameter", "unknown inside"],
    [{ path: ["p"], query: "filter=1" }, "filter cannot be sent in the query", "a message has no text"],
    [
      { path: ["p"], query: "filter.author.x=1" },
      "filter.author.x is not a known parameter",
      "and a string has no fields",
    ],
    [{ path: ["p"], query: "covers=1" }, "covers cannot be sent in the query", "no repeated messages"],
    [{ path: ["p"], query: "covers.city=1" }, "covers.city is not a known parameter", "nor their fields"],
    [{ path: ["p"], query: "labels=1" }, "labels cannot be sent in the query", "no maps"],
    [{ path: ["p"], query: "labels[a]=1" }, "labels[a] is not a known parameter", "grpc-gateway takes map[key]=value"],
    [
      { path: ["p"], query: "read_mask=title,publishedAt" },
      { parent: "p", readMask: { paths: ["title", "published_at"] } },
      "a mask",
    ],
    [
      { path: ["p"], query: "published_after=2024-01-01T00:00:00%2B01:00" },
      { parent: "p", publishedAfter: { seconds: 1_704_063_600n } },
      "a time with an encoded offset",
    ],
    [
      { path: ["p"], query: "published_after=2024-01-01T00:00:00+01:00" },
      "published_after must be an RFC 3339 timestamp such as 2026-01-31T12:00:00Z",
      "a plus that was not encoded is a space",
    ],
    [
      { path: ["p"], query: "published_after.seconds=1" },
      "published_after.seconds is not a known parameter",
      "a well-known type is one value",
    ],
    [{ path: ["p"], query: "in_print=false" }, { parent: "p", inPrint: false }, "a wrapper, set though false"],
    [
      { path: ["p"], query: "a=1&b=2" },
      "a is not a known parameter; b is not a known parameter",
      "every unknown one is told",
    ],
    [{ path: ["p"], query: "Limit=1" }, "Limit is not a known parameter", "names have a letter case"],
    [{ path: ["p"], query: "=1" }, "= has no name", "which no field has"],
    [{ path: ["p"], query: "limit=%zz" }, "limit has malformed percent-encoding", "two hexadecimal digits"],
    [{ path: ["p"], query: "limit=%ff" }, "limit has malformed percent-encoding", "and UTF-8"],
    [{ path: ["p"], query: "%zz=1&limit=1" }, "%zz has malformed percent-encoding", "in names too"],
    [
      { path: ["p"], query: "__proto__=1&constructor.x=1" },
      "__proto__ is not a known parameter; constructor.x is not a known parameter",
      "no prototypes",
    ],
    [
      { path: ["p"], query: `${"filter.".repeat(5000)}x=1` },
      `${"filter.".repeat(9)}… is not a known parameter`,
      "a path longer than any message is deep",
    ],
    [{ path: ["p"], query: "limit=0" }, "limit must be from 1 to 100", "rules come after binding"],
    [
      { path: ["p"], query: "limit=1.5" },
      "limit must be a whole number",
      "and are not asked about what could not be read",
    ],
  ]);
  check("GET /v1/everything", EverythingSchema, [
    [{ query: "repeated_int64=1&repeated_int64=2" }, { repeatedInt64: [1n, 2n] }, "numbers may repeat"],
    [
      { query: "repeated_bytes=AQ&repeated_bytes=Ag" },
      { repeatedBytes: [new Uint8Array([1]), new Uint8Array([2])] },
      "bytes, too",
    ],
    [
      { query: "repeated_timestamp=1970-01-01T00:00:01Z" },
      "repeated_timestamp cannot be sent in the query",
      "a repeated message is one, whatever its JSON",
    ],
    [
      { query: "struct=1&value=1&any=1&empty=1&list_value=1" },
      ["struct", "value", "any", "empty", "list_value"].map((name) => `${name} cannot be sent in the query`).join("; "),
      "no text form",
    ],
    [{ query: "value.string_value=x" }, "value.string_value is not a known parameter", "nor fields to name"],
    [{ query: "alsoKnownAs=x" }, { renamedField: "x" }, "a JSON name of its own"],
    [{ query: "int64_as_string=7" }, { int64AsString: "7" }, "jstype = JS_STRING"],
    [
      { query: "oneof_string=x&oneof_nested.label=y" },
      "oneof_nested.label cannot be sent together with oneof_string",
      "a oneof's message by its field",
    ],
    [{ query: "optional_string=" }, { optionalString: "" }, "an empty string is set"],
    [{ query: "double_value=Infinity" }, "double_value must be a finite number", "finite"],
  ]);
  check("POST /v1/{parent=shelves/*}/books", CreateBookRequestSchema, [
    [
      { path: ["p"], query: "request_id=r&dry_run=true", body: '{"title":"t"}' },
      { parent: "p", requestId: "r", dryRun: true, book: { title: "t" } },
      "path, query and body, one field each",
    ],
    [
      { path: ["p"], query: "book.title=x", body: "{}" },
      "book.title is read from the body, not from the query",
      "the body's field is no parameter",
    ],
    [
      { path: ["p"], query: "book.author=x&nope=1", body: '{"title":1}' },
      "title must be a string; book.author is read from the body, not from the query; nope is not a known parameter",
      "everything at once, each by its own name",
    ],
  ]);
  check("GET /v1/books:search", SearchBooksRequestSchema, [
    [{ query: "query=%F0%9F%93%9A" }, { query: "📚" }, "UTF-8 beyond two bytes"],
    [{ query: "query=a=b" }, { query: "a=b" }, "the first equals sign separates"],
    [{ query: "query=a;within=b" }, { query: "a;within=b" }, "a semicolon does not; Go refuses it"],
    [{ query: "query=x", body: "{nonsense" }, { query: "x" }, "without a body rule no body is read"],
  ]);
});

describe("bodies", () => {
  check("POST /v1/{parent=shelves/*}/books", CreateBookRequestSchema, [
    [{ path: ["p"] }, { parent: "p", book: {} }, "no body is {}"],
    [{ path: ["p"], body: "" }, { parent: "p", book: {} }, "so is an empty one"],
    [{ path: ["p"], body: "null" }, "the body is required", "null is no book, and this one is required"],
    [{ path: ["p"], body: "[]" }, "the body must be an object", "named as what the client sent"],
    [{ path: ["p"], body: '"x"' }, "the body must be an object", "no string"],
    [
      { path: ["p"], body: " " },
      "the body is not valid JSON: line 1, column 2: a value was expected",
      "white space is not empty",
    ],
    [
      { path: ["p"], body: '{"title": "secret" x}' },
      "the body is not valid JSON: line 1, column 20: a comma or a closing brace was expected",
      "where, never what",
    ],
    [
      { path: ["p"], body: '{"title":"a","title":"b"}' },
      "the body is not valid JSON: line 1, column 14: this name was given before",
      "a name twice",
    ],
    [{ path: ["p"], body: "\ufeff{}" }, { parent: "p", book: {} }, "a byte order mark is skipped, as RFC 8259 allows"],
    [
      { path: ["p"], body: "{\ufeff}" },
      "the body is not valid JSON: line 1, column 2: a name in double quotes was expected",
      "elsewhere it is none",
    ],
    [
      { path: ["p"], body: new Uint8Array([0x22, 0xff, 0x22]) },
      "the body is not valid UTF-8",
      "bytes that are no text",
    ],
    [
      { path: ["p"], body: new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]) },
      "the body is not valid UTF-8",
      "a surrogate in UTF-8 (CESU-8)",
    ],
    [
      { path: ["p"], body: new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]) },
      "the body is not valid UTF-8",
      "UTF-16 is no longer JSON",
    ],
    [
      { path: ["p"], body: `{"publisher":${"[".repeat(70)}` },
      "the body is not valid JSON: line 1, column 77: at most 64 levels were expected",
      "depth is bounded before anything is built",
    ],
    [
      { path: ["p"], body: '{"chapters":[{"title":"a title of more than twenty"}]}' },
      "chapters[0].title must be at most 20 characters",
      "rules name the body's fields alike",
    ],
    [
      { path: ["p"], body: '{"genre":"x","copies":1.5,"tags":[1],"nope":0}' },
      "genre must be one of NOVEL, SCIENCE_FICTION, ESSAY; copies must be a whole number; tags[0] must be a string; nope is not a known field",
      "all of it",
    ],
  ]);
  check("POST /v1/everything/strings", EverythingSchema, [
    [{ body: '["a","b"]' }, { repeatedString: ["a", "b"] }, "a repeated field as the body: an array"],
    [{ body: '["a",1]' }, "[1] must be a string", "an item by its index"],
    [{ body: "{}" }, "the body must be an array", "no object"],
    [{}, {}, "no body is no items: {} would be a mistake that the client did not make"],
  ]);
  check("POST /v1/everything/map", EverythingSchema, [
    [{ body: '{"a":"b"}' }, { mapStringString: { a: "b" } }, "a map as the body: an object"],
    [{ body: '{"a":1}' }, '["a"] must be a string', "an entry by its key"],
  ]);
  check("POST /v1/everything/nesteds", EverythingSchema, [
    [{ body: '[{"count":"x"}]' }, "[0].count must be a whole number", "an item's field"],
  ]);
  check("POST /v1/everything/nested", EverythingSchema, [
    [
      { body: '{"label":"x"}', query: "int32_value=1" },
      { nested: { label: "x" }, int32Value: 1 },
      "a message, the rest from the query",
    ],
    [
      { query: "nested.label=x" },
      "nested.label is read from the body, not from the query",
      "an empty body is still the body's",
    ],
  ]);
  check("POST /v1/everything/string", EverythingSchema, [
    [{ body: '"x"' }, { stringValue: "x" }, "a scalar"],
    [{ body: "1" }, "the body must be a string", "of its type"],
    [{}, {}, "none is the default"],
  ]);
  check("POST /v1/everything/int64", EverythingSchema, [
    [
      { body: "9007199254740993" },
      "the body must be written as a string, since JSON numbers are not exact beyond 2^53",
      "each rule of its type",
    ],
  ]);
  check("POST /v1/everything/color", EverythingSchema, [[{ body: '"navy"' }, { color: 2 }, "an enum"]]);
  check("POST /v1/everything/timestamp", EverythingSchema, [
    [{ body: '"1970-01-01T00:00:01Z"' }, { timestamp: { seconds: 1n } }, "a well-known type"],
    [{}, {}, "none is unset"],
  ]);
  check("POST /v1/everything/struct", EverythingSchema, [
    [{ body: '{"a":1}' }, { struct: { a: 1 } }, "any object"],
    [{}, { struct: {} }, "none is {}"],
  ]);
  check("POST /v1/everything/value", EverythingSchema, [
    [{ body: "null" }, { value: { kind: { case: "nullValue", value: 0 } } }, "null as a value"],
    [
      { body: "[1]" },
      { value: { kind: { case: "listValue", value: { values: [{ kind: { case: "numberValue", value: 1 } }] } } } },
      "any JSON",
    ],
  ]);
});

describe("google.api.HttpBody", () => {
  const BYTES = new Uint8Array([0, 255, 123]);
  check("POST /v1/raw", HttpBodySchema, [
    [{ body: BYTES, contentType: "image/png" }, { data: BYTES, contentType: "image/png" }, "the bytes as they are"],
    [
      { body: "{", contentType: "application/json" },
      { data: new Uint8Array([123]), contentType: "application/json" },
      "JSON is no exception",
    ],
    [{}, {}, "none is none"],
    [{ query: "content_type=x", body: BYTES }, "content_type is not a known parameter", "and nothing from the query"],
  ]);
  check("PUT /v1/files/{path=**}", PutFileRequestSchema, [
    [
      { path: ["a/b"], query: "overwrite=true", body: BYTES, contentType: "text/plain" },
      { path: "a/b", overwrite: true, content: { data: BYTES, contentType: "text/plain" } },
      "as one field",
    ],
    [
      { path: ["a"], query: "content.data=AQ" },
      "content.data is read from the body, not from the query",
      "which is the body's",
    ],
  ]);
});

describe("all violations at once", () => {
  test("a hundred, and no more", () => {
    const body = `{"repeated_int32":[${'"x",'.repeat(5000)}1]}`;
    const violations = readerFor("POST /v1/everything")({ body }) as string;
    expect(violations.split("; ")).toHaveLength(100);
    expect(violations).toContain("repeated_int32[99] must be a whole number");
  });

  test("the error is a VALIDATION_ERROR that lists them", () => {
    const [binding] = httpBindings([annotatedService({ http: httpRule("POST /v1/x", { body: "*" }) })]);
    const body = new TextEncoder().encode('{"bool_value":1,"nope":2}');
    const call = () => compileRequestReader(binding!)({ pathValues: [], query: "", body, contentType: undefined });
    expect(call).toThrow(GatewayError);
    expect(call).toThrow("The request is not valid: bool_value must be true or false (and 1 more)");
  });

  test("the binder alone tells what it could bind, and where the rest is", () => {
    const [binding] = httpBindings([annotatedService({ http: httpRule("POST /v1/x", { body: "*" }) })]);
    const body = new TextEncoder().encode('{"nested":{"label":"x","count":"y"}}');
    const { message, findings } = compileBinder(binding!)({ pathValues: [], query: "", body, contentType: undefined });
    expect(message).toEqual(create(EverythingSchema, { nested: { label: "x" } }));
    expect(findings).toEqual([{ path: ["nested", "count"], field: "nested.count", message: "must be a whole number" }]);
  });
});
