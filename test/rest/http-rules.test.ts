import type { DescMessage } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import { UsersService } from "#gen/gateway/v1/users_pb.ts";
import { HttpBodySchema } from "#gen/google/api/httpbody_pb.ts";
import { Access } from "#gen/policy/v1/policy_pb.ts";
import { ContractError } from "#src/rest/contract-error.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { EverythingSchema, EverythingService } from "../gen/transcoder/v1/everything_pb.ts";
import {
  GetCoverResponseSchema,
  LibraryService,
  ListShelvesRequestSchema,
  ListShelvesResponseSchema,
  ReplaceBookRequestSchema,
  UpdateBookRequestSchema,
} from "../gen/transcoder/v1/library_pb.ts";
import { RulesService } from "../gen/transcoder/v1/rules_pb.ts";
import { annotatedService, httpRule, type RpcSpec } from "./annotated-service.ts";

type Row = readonly [annotation: string, spec: RpcSpec, mistakes: readonly string[], because: string];

const OK: readonly string[] = [];
const RPC = "test.v1.TestService.Rpc0";
const page = (limitField: string, offsetField: string, totalField = "int32_value") => ({
  access: Access.ANYONE,
  page: { limitField, offsetField, totalField, defaultLimit: 10 },
});

const RULES: readonly Row[] = [
  ["none", {}, OK, "an rpc without a rule has no REST route, which is no mistake"],
  ["none, no policy", { policy: null }, [`${RPC} has no policy: say who may call it`], "but a policy it needs"],
  [
    "a rule, no policy",
    { http: httpRule("GET /v1/x"), policy: null },
    [`${RPC} has no policy: say who may call it`],
    "nothing is served that nobody decided about",
  ],
  [
    "no pattern",
    { http: { ...httpRule("GET /v1/x"), pattern: { case: undefined } } },
    [`${RPC}: has an HTTP rule without a method and template`],
    "a rule says where",
  ],
  [
    "an empty template",
    { http: httpRule("GET ") },
    [`${RPC}: GET "", column 1: expected "/", found the end`],
    "an empty string is a pattern, and a wrong one",
  ],
  [
    "a bad template",
    { http: httpRule("GET /v1/{nested.label") },
    [`${RPC}: GET "/v1/{nested.label", column 18: expected ".", "=" or "}", found the end`],
    "the column is the template's",
  ],
  [
    "a selector",
    { http: httpRule("GET /v1/x", { selector: "test.v1.TestService.Rpc0" }) },
    [`${RPC}: has the selector "test.v1.TestService.Rpc0": that is for service configuration`],
    "an annotation already stands at its rpc",
  ],
  [
    "additional bindings",
    { http: httpRule("GET /v1/x", { additionalBindings: [httpRule("GET /v1/y")] }) },
    OK,
    "one level is what they are for",
  ],
  [
    "nested additional bindings",
    {
      http: httpRule("GET /v1/x", {
        additionalBindings: [httpRule("GET /v1/y", { additionalBindings: [httpRule("GET /v1/z")] })],
      }),
    },
    [`${RPC}: has additional_bindings inside additional_bindings: they nest one level only`],
    "Google's text",
  ],
  [
    "a mistake in an additional binding",
    { http: httpRule("GET /v1/x", { additionalBindings: [httpRule("GET /v1/{nope}")] }) },
    [`${RPC}: GET "/v1/{nope}", column 5: transcoder.v1.Everything has no field "nope"`],
    "each is checked as the first is",
  ],
  ["a client stream", { stream: "request" }, OK, "Connect clients may still call it"],
  [
    "a client stream with a rule",
    { stream: "request", http: httpRule("POST /v1/x") },
    [`${RPC}: has an HTTP rule, but a client cannot stream messages over REST`],
    "grpc-gateway takes newline-delimited JSON here; one HTTP request is one message for us",
  ],
  [
    "a bidi stream with a rule",
    { stream: "both", http: httpRule("POST /v1/x") },
    [`${RPC}: has an HTTP rule, but a client cannot stream messages over REST`],
    "the same",
  ],
  ["a server stream with a rule", { stream: "response", http: httpRule("GET /v1/x") }, OK, "the answer may stream"],
];

const METHODS: readonly Row[] = [
  ["LIST", { http: httpRule("LIST /v1/x") }, OK, "custom.kind is any method"],
  ["*", { http: httpRule("* /v1/x") }, OK, "and * leaves it open"],
  ["* with a body", { http: httpRule("* /v1/x", { body: "*" }) }, OK, "which some of those methods have"],
  [
    "lower case",
    { http: httpRule("list /v1/x") },
    [`${RPC}: list "/v1/x": "list" is no HTTP method in upper case, nor "*"`],
    "methods are case-sensitive: this one would never match",
  ],
  [
    "a name that every object knows",
    { http: httpRule("constructor /v1/x") },
    [`${RPC}: constructor "/v1/x": "constructor" is no HTTP method in upper case, nor "*"`],
    "it is no reserved word either",
  ],
  [
    "empty",
    { http: httpRule(" /v1/x") },
    [`${RPC}:  "/v1/x": "" is no HTTP method in upper case, nor "*"`],
    "an empty kind matches nothing",
  ],
  [
    "HEAD",
    { http: httpRule("HEAD /v1/x") },
    [`${RPC}: HEAD "/v1/x": HEAD is answered as GET without the body`],
    "Google names HEAD as an example; Hono dispatches it as GET before any route is asked",
  ],
  [
    "OPTIONS",
    { http: httpRule("OPTIONS /v1/x") },
    [`${RPC}: OPTIONS "/v1/x": OPTIONS is answered by the gateway`],
    "by CORS, or with Allow",
  ],
  [
    "TRACE",
    { http: httpRule("TRACE /v1/x") },
    [`${RPC}: TRACE "/v1/x": TRACE has no Request in the Fetch standard`],
    "so no runtime of ours can deliver it",
  ],
  [
    "CONNECT",
    { http: httpRule("CONNECT /v1/x") },
    [`${RPC}: CONNECT "/v1/x": CONNECT has no Request in the Fetch standard`],
    "the same",
  ],
  [
    "ALL",
    { http: httpRule("ALL /v1/x") },
    [`${RPC}: ALL "/v1/x": Hono takes ALL for any method: write "*" if that is meant`],
    "it would be opened to every method",
  ],
];

const VARIABLES: readonly Row[] = [
  ["a string", { http: httpRule("GET /v1/{string_value}") }, OK, "a scalar"],
  ["an enum", { http: httpRule("GET /v1/{color}") }, OK, "an enum has a name"],
  ["a nested scalar", { http: httpRule("GET /v1/{nested.nested.label}") }, OK, "a field path"],
  ["a Timestamp", { http: httpRule("GET /v1/{timestamp}") }, OK, "its JSON is a string; Google allows primitives only"],
  ["a Duration", { http: httpRule("GET /v1/{duration}") }, OK, "the same"],
  ["a FieldMask", { http: httpRule("GET /v1/{field_mask}") }, OK, "the same"],
  ["a wrapper", { http: httpRule("GET /v1/{int64_wrapper}") }, OK, "its JSON is the wrapped scalar"],
  [
    "an unknown field",
    { http: httpRule("GET /v1/things/{nope}") },
    [`${RPC}: GET "/v1/things/{nope}", column 12: transcoder.v1.Everything has no field "nope"`],
    "a typing error",
  ],
  [
    "an unknown nested field",
    { http: httpRule("GET /v1/{nested.nope}") },
    [`${RPC}: GET "/v1/{nested.nope}", column 5: transcoder.v1.Nested has no field "nope"`],
    "the message that lacks it is named",
  ],
  [
    "a JSON name",
    { http: httpRule("GET /v1/{stringValue}") },
    [`${RPC}: GET "/v1/{stringValue}", column 5: transcoder.v1.Everything has no field "stringValue"`],
    "templates have proto names",
  ],
  [
    "a repeated field",
    { http: httpRule("GET /v1/{repeated_string}") },
    [
      `${RPC}: GET "/v1/{repeated_string}", column 5: "repeated_string" is repeated, and a path segment holds one scalar`,
    ],
    "Google's text; grpc-gateway splits at commas",
  ],
  [
    "a map",
    { http: httpRule("GET /v1/{map_string_string}") },
    [
      `${RPC}: GET "/v1/{map_string_string}", column 5: "map_string_string" is a map, and a path segment holds one scalar`,
    ],
    "Google's text",
  ],
  [
    "a message",
    { http: httpRule("GET /v1/{nested}") },
    [`${RPC}: GET "/v1/{nested}", column 5: "nested" is a transcoder.v1.Nested, and a path segment holds one scalar`],
    "a message has no text",
  ],
  [
    "a Struct",
    { http: httpRule("GET /v1/{struct}") },
    [`${RPC}: GET "/v1/{struct}", column 5: "struct" is a google.protobuf.Struct, and a path segment holds one scalar`],
    "its JSON is an object",
  ],
  [
    "a Value",
    { http: httpRule("GET /v1/{value}") },
    [`${RPC}: GET "/v1/{value}", column 5: "value" is a google.protobuf.Value, and a path segment holds one scalar`],
    'its JSON is anything: nobody could tell 1 from "1"',
  ],
  [
    "a NullValue",
    { http: httpRule("GET /v1/{null_value}") },
    [
      `${RPC}: GET "/v1/{null_value}", column 5: "null_value" is a google.protobuf.NullValue, and a path segment holds one scalar`,
    ],
    "its JSON is null",
  ],
  [
    "inside a scalar",
    { http: httpRule("GET /v1/{string_value.x}") },
    [
      `${RPC}: GET "/v1/{string_value.x}", column 5: "string_value" is a scalar, so it has no field "x" that a path could name`,
    ],
    "a field path goes through messages",
  ],
  [
    "inside a repeated message",
    { http: httpRule("GET /v1/{repeated_nested.label}") },
    [
      `${RPC}: GET "/v1/{repeated_nested.label}", column 5: "repeated_nested" is repeated, so it has no field "label" that a path could name`,
    ],
    "which of them?",
  ],
  [
    "inside a map",
    { http: httpRule("GET /v1/{map_string_nested.value}") },
    [
      `${RPC}: GET "/v1/{map_string_nested.value}", column 5: "map_string_nested" is a map, so it has no field "value" that a path could name`,
    ],
    "whose?",
  ],
  [
    "inside a Timestamp",
    { http: httpRule("GET /v1/{timestamp.seconds}") },
    [
      `${RPC}: GET "/v1/{timestamp.seconds}", column 5: "timestamp" is a google.protobuf.Timestamp, so it has no field "seconds" that a path could name`,
    ],
    "its JSON has no seconds",
  ],
  [
    "inside an enum",
    { http: httpRule("GET /v1/{color.red}") },
    [
      `${RPC}: GET "/v1/{color.red}", column 5: "color" is a transcoder.v1.Color, so it has no field "red" that a path could name`,
    ],
    "an enum has no fields",
  ],
  [
    "two of a oneof",
    { http: httpRule("GET /v1/{oneof_string}/{oneof_int32}") },
    [
      `${RPC}: GET "/v1/{oneof_string}/{oneof_int32}": "oneof_string" and "oneof_int32" are in the oneof "choice", which holds one of them`,
    ],
    "the second would unset the first",
  ],
  [
    "two of a oneof, one nested",
    { http: httpRule("GET /v1/{oneof_string}/{oneof_nested.label}") },
    [
      `${RPC}: GET "/v1/{oneof_string}/{oneof_nested.label}": "oneof_string" and "oneof_nested.label" are in the oneof "choice", which holds one of them`,
    ],
    "where they part is what counts",
  ],
  [
    "two of one member",
    { http: httpRule("GET /v1/{oneof_nested.label}/{oneof_nested.count}") },
    OK,
    "one member, two fields of it",
  ],
  [
    "two proto3 optionals",
    { http: httpRule("GET /v1/{optional_string}/{optional_int32}") },
    OK,
    "their oneofs are synthetic",
  ],
  [
    "two mistakes",
    { http: httpRule("GET /v1/{nope}/{nested}") },
    [
      `${RPC}: GET "/v1/{nope}/{nested}", column 5: transcoder.v1.Everything has no field "nope"`,
      `${RPC}: GET "/v1/{nope}/{nested}", column 12: "nested" is a transcoder.v1.Nested, and a path segment holds one scalar`,
    ],
    "both are told",
  ],
];

const BODIES: readonly Row[] = [
  ["*", { http: httpRule("POST /v1/x", { body: "*" }) }, OK, "everything"],
  ["a message", { http: httpRule("POST /v1/x", { body: "nested" }) }, OK, "one field"],
  ["a repeated field", { http: httpRule("POST /v1/x", { body: "repeated_nested" }) }, OK, "the body is then an array"],
  ["a map", { http: httpRule("POST /v1/x", { body: "map_string_string" }) }, OK, "the body is then an object"],
  ["a scalar", { http: httpRule("POST /v1/x", { body: "int64_value" }) }, OK, "the body is then a JSON scalar"],
  ["on PATCH", { http: httpRule("PATCH /v1/x", { body: "*" }) }, OK, "PATCH has a body"],
  ["on a custom method", { http: httpRule("LIST /v1/x", { body: "*" }) }, OK, "nobody knows that it has none"],
  [
    "on GET",
    { http: httpRule("GET /v1/x", { body: "*" }) },
    [`${RPC}: GET "/v1/x": a GET request has no body`],
    "Request refuses a body on GET",
  ],
  [
    "on DELETE",
    { http: httpRule("DELETE /v1/x", { body: "nested" }) },
    [`${RPC}: DELETE "/v1/x": a DELETE request has no body`],
    "RFC 9110 gives it no meaning, and proxies drop it; grpc-gateway has a flag for it",
  ],
  [
    "an unknown field",
    { http: httpRule("POST /v1/x", { body: "nope" }) },
    [`${RPC}: POST "/v1/x": body: transcoder.v1.Everything has no field "nope"`],
    "a typing error",
  ],
  [
    "a nested field",
    { http: httpRule("POST /v1/x", { body: "nested.label" }) },
    [`${RPC}: POST "/v1/x": body "nested.label" is no field of transcoder.v1.Everything itself`],
    "Google's text: at the top level; vanguard-go takes a path",
  ],
  [
    "a path variable",
    { http: httpRule("POST /v1/{string_value}", { body: "string_value" }) },
    [`${RPC}: POST "/v1/{string_value}": the body's field "string_value" is a path variable too`],
    "a field has one source",
  ],
  [
    "around a path variable",
    { input: UpdateBookRequestSchema, http: httpRule("PATCH /v1/{book.name=shelves/*/books/*}", { body: "book" }) },
    OK,
    "this is how Google writes every update (AIP-134): the path's value stands, whatever the body says",
  ],
  [
    "beside a path variable of the same oneof",
    { http: httpRule("POST /v1/{oneof_string}", { body: "oneof_nested" }) },
    [
      `${RPC}: POST "/v1/{oneof_string}": "oneof_string" and "oneof_nested" are in the oneof "choice", which holds one of them`,
    ],
    "every request with a body would be refused",
  ],
  [
    "* of an HttpBody",
    { input: HttpBodySchema, http: httpRule("POST /v1/x", { body: "*" }) },
    OK,
    "the bytes are the request",
  ],
  [
    "a field of an HttpBody",
    { input: HttpBodySchema, http: httpRule("POST /v1/x", { body: "data" }) },
    [`${RPC}: POST "/v1/x": the request is a google.api.HttpBody, which is the body as a whole: say body "*"`],
    "otherwise it would be JSON with base64",
  ],
];

const RESPONSES: readonly Row[] = [
  ["a message", { http: httpRule("GET /v1/x", { responseBody: "nested" }) }, OK, "one field"],
  [
    "a repeated field",
    { http: httpRule("GET /v1/x", { responseBody: "repeated_nested" }) },
    OK,
    "the answer is an array",
  ],
  ["a map", { http: httpRule("GET /v1/x", { responseBody: "map_string_string" }) }, OK, "the answer is an object"],
  [
    "on a stream",
    { stream: "response", http: httpRule("GET /v1/x", { responseBody: "nested" }) },
    OK,
    "of each message",
  ],
  [
    "an HttpBody",
    { output: GetCoverResponseSchema, http: httpRule("GET /v1/x", { responseBody: "cover" }) },
    OK,
    "bytes as they are",
  ],
  [
    "an unknown field",
    { http: httpRule("GET /v1/x", { responseBody: "nope" }) },
    [`${RPC}: GET "/v1/x": response_body: transcoder.v1.Everything has no field "nope"`],
    "a typing error",
  ],
  [
    "a field of the request",
    { input: EverythingSchema, output: EmptySchema, http: httpRule("GET /v1/x", { responseBody: "nested" }) },
    [`${RPC}: GET "/v1/x": response_body: google.protobuf.Empty has no field "nested"`],
    "it is the response's",
  ],
  [
    "*",
    { http: httpRule("GET /v1/x", { responseBody: "*" }) },
    [`${RPC}: GET "/v1/x": response_body: transcoder.v1.Everything has no field "*"`],
    "the whole message is what leaving it out means",
  ],
  [
    "a nested field",
    { http: httpRule("GET /v1/x", { responseBody: "nested.label" }) },
    [`${RPC}: GET "/v1/x": response_body "nested.label" is no field of transcoder.v1.Everything itself`],
    "Google's text: at the top level",
  ],
  [
    "a field of an HttpBody",
    { output: HttpBodySchema, http: httpRule("GET /v1/x", { responseBody: "data" }) },
    [`${RPC}: GET "/v1/x": the response is a google.api.HttpBody, which is answered as a whole: no response_body`],
    "its bytes would become base64",
  ],
];

const self = (selfField: string) => ({ access: Access.SIGNED_IN, selfField });
const partial = { access: Access.SIGNED_IN, partial: true };
const events = (http: RpcSpec["http"], afterField = "string_value"): RpcSpec => ({
  policy: { access: Access.SIGNED_IN, events: { idField: "string_value", afterField } },
  stream: "response",
  ...(http && { http }),
});
const paged = (http: RpcSpec["http"], input: DescMessage = ListShelvesRequestSchema): RpcSpec => ({
  input,
  output: ListShelvesResponseSchema,
  policy: page("limit", "offset", "total_count"),
  ...(http && { http }),
});

const POLICIES: readonly Row[] = [
  [
    "self_field",
    { http: httpRule("GET /v1/{string_value}"), policy: self("string_value") },
    OK,
    "the path says whose it is",
  ],
  [
    "self_field in the body",
    { http: httpRule("POST /v1/x", { body: "*" }), policy: self("string_value") },
    [`${RPC}: POST "/v1/x": self_field "string_value" is no variable of the template`],
    "the guard runs before the body is read",
  ],
  [
    "self_field in one of two bindings",
    {
      http: httpRule("GET /v1/{string_value}", { additionalBindings: [httpRule("GET /v1/mine")] }),
      policy: self("string_value"),
    },
    [`${RPC}: GET "/v1/mine": self_field "string_value" is no variable of the template`],
    "the other would be a way around the guard",
  ],
  [
    "self_field that is a number",
    { http: httpRule("GET /v1/{int64_value}"), policy: self("int64_value") },
    [`${RPC}: GET "/v1/{int64_value}": self_field "int64_value" is no string, and ids of callers are strings`],
    "it could never be equal",
  ],
  [
    "self_field that does not exist",
    { policy: self("nope") },
    [`${RPC} names self_field "nope", which is no field of transcoder.v1.Everything`],
    "what the policy alone gets wrong is told in the same error",
  ],
  ["self_field without a rule", { policy: self("string_value") }, OK, "Connect clients send the field itself"],
  [
    "partial",
    { input: ReplaceBookRequestSchema, http: httpRule("PUT /v1/{book_id}", { body: "changes" }), policy: partial },
    OK,
    "a body field and one mask",
  ],
  [
    "partial with body *",
    { input: ReplaceBookRequestSchema, http: httpRule("PUT /v1/{book_id}", { body: "*" }), policy: partial },
    [`${RPC}: PUT "/v1/{book_id}": partial needs a body that is one field, and a message: its keys are the mask`],
    "the mask itself would be one of the keys",
  ],
  [
    "partial with a repeated body",
    { http: httpRule("PUT /v1/x", { body: "repeated_nested" }), policy: partial },
    [`${RPC}: PUT "/v1/x": partial needs a body that is one field, and a message: its keys are the mask`],
    "an array has no keys",
  ],
  [
    "partial without a mask",
    { input: HttpBodySchema, http: httpRule("PUT /v1/x", { body: "*" }), policy: partial },
    [
      `${RPC}: PUT "/v1/x": partial needs a body that is one field, and a message: its keys are the mask`,
      `${RPC}: PUT "/v1/x": partial needs exactly one FieldMask in google.api.HttpBody, which has 0`,
    ],
    "there is no place for what was sent",
  ],
  [
    "partial on POST",
    { input: ReplaceBookRequestSchema, http: httpRule("POST /v1/{book_id}", { body: "changes" }), policy: partial },
    [`${RPC}: POST "/v1/{book_id}": partial is for PUT (and PATCH is partial by itself)`],
    "a POST changes nothing in part",
  ],
  ["page", paged(httpRule("GET /v1/shelves")), OK, "limit and offset come from the query"],
  ["page without a rule", paged(undefined), OK, "Connect clients page by the fields"],
  [
    "page on a stream",
    { ...paged(httpRule("GET /v1/shelves")), stream: "response" },
    [`${RPC}: has a page, but a stream has no pages`],
    "there is no total before the end",
  ],
  [
    "page in the body",
    paged(httpRule("POST /v1/shelves", { body: "*" })),
    [
      `${RPC}: POST "/v1/shelves": the page's "limit" does not come from the query, so no Link can name it`,
      `${RPC}: POST "/v1/shelves": the page's "offset" does not come from the query, so no Link can name it`,
    ],
    "a link has no body",
  ],
  [
    "page in the path",
    paged(httpRule("GET /v1/shelves/from/{offset}")),
    [
      `${RPC}: GET "/v1/shelves/from/{offset}": the page's "offset" does not come from the query, so no Link can name it`,
    ],
    "links change the query only",
  ],
  [
    "page of text",
    { http: httpRule("GET /v1/x"), policy: page("string_value", "int64_value", "repeated_int32") },
    [
      `${RPC}: has the page.limit_field "string_value", which is no 32-bit integer`,
      `${RPC}: has the page.offset_field "int64_value", which is no 32-bit integer`,
      `${RPC}: has the page.total_field "repeated_int32", which is no 32-bit integer`,
    ],
    "pages are counted",
  ],
  ["events", events(httpRule("GET /v1/x")), OK, "Last-Event-ID overrides the query"],
  [
    "events in the path",
    events(httpRule("GET /v1/x/{string_value}")),
    [`${RPC}: GET "/v1/x/{string_value}": events.after_field "string_value" does not come from the query`],
    "a path value is immutable",
  ],
  [
    "events by POST",
    events(httpRule("POST /v1/x", { body: "*" })),
    [
      `${RPC}: POST "/v1/x": has events, which are for GET`,
      `${RPC}: POST "/v1/x": events.after_field "string_value" does not come from the query`,
    ],
    "EventSource makes a GET",
  ],
  [
    "204",
    { output: EmptySchema, http: httpRule("DELETE /v1/x"), policy: { access: Access.ANYONE, successStatus: 204 } },
    OK,
    "nothing to say",
  ],
  [
    "204 with an answer",
    { http: httpRule("DELETE /v1/x"), policy: { access: Access.ANYONE, successStatus: 204 } },
    [`${RPC}: has success_status 204, which has no body, and answers transcoder.v1.Everything`],
    "the answer would be lost",
  ],
];

const DUPLICATES: readonly (readonly [routes: readonly [string, string], duplicate: boolean, because: string])[] = [
  [["GET /v1/x", "GET /v1/x"], true, "the same; grpc-gateway takes the last, Envoy's library then matches neither"],
  [["GET /v1/{string_value}", "GET /v1/{bytes_value}"], true, "names make no difference"],
  [["GET /v1/{string_value}", "GET /v1/*"], true, "nor does not having one"],
  [["GET /v1/{string_value=a/*}", "GET /v1/a/{bytes_value}"], true, "nor where the variable begins"],
  [["GET /v1/{string_value=**}", "GET /v1/**"], true, "the same for **"],
  [["GET /v1/{string_value}:go", "GET /v1/{bytes_value}:go"], true, "and with a verb"],
  [["LIST /v1/x", "LIST /v1/x"], true, "and for a custom method"],
  [["GET /v1/x", "POST /v1/x"], false, "another method"],
  [["GET /v1/x", "* /v1/x"], false, "an exact method goes before any method"],
  [["GET /v1/{string_value}:go", "GET /v1/{string_value}"], false, "a verb is a difference"],
  [["GET /v1/{string_value}:go", "GET /v1/{string_value}:stop"], false, "another verb"],
  [["GET /v1/x", "GET /v1/X"], false, "another letter case"],
  [["GET /v1/*", "GET /v1/**"], false, "* goes before **, which has the rest"],
  [["GET /v1/x", "GET /v1/{string_value}"], false, "a literal goes before *"],
];

describe("httpBindings checks", () => {
  describe.each([
    ["the rule", RULES],
    ["the method", METHODS],
    ["path variables", VARIABLES],
    ["the body", BODIES],
    ["response_body", RESPONSES],
    ["the policy", POLICIES],
  ])("%s:", (_, rows) => {
    for (const [annotation, spec, mistakes, because] of rows) {
      test(`${annotation}: ${because}`, () => expect(mistakesIn(spec)).toEqual(mistakes));
    }
  });

  for (const [[first, second], duplicate, because] of DUPLICATES) {
    test(`${first} and ${second}: ${because}`, () => {
      const told = `${mention(1, second)} matches the same requests as ${mention(0, first)}`;
      expect(mistakesIn({ http: httpRule(first) }, { http: httpRule(second) })).toEqual(duplicate ? [told] : []);
    });
  }

  test("duplicates within one rpc, and across services", () => {
    const twice = httpRule("GET /v1/x", { additionalBindings: [httpRule("GET /v1/x")] });
    expect(mistakesIn({ http: twice })).toEqual([
      `${RPC}: GET "/v1/x" matches the same requests as ${RPC}: GET "/v1/x"`,
    ]);
    const service = annotatedService({ name: "GetTask", http: httpRule("GET /api/v1/tasks/{string_value}") });
    expect(mistakesOf(() => httpBindings([TasksService, service]))).toEqual([
      'test.v1.TestService.GetTask: GET "/api/v1/tasks/{string_value}" matches the same requests as gateway.v1.TasksService.GetTask: GET "/api/v1/tasks/{task_id}"',
    ]);
  });

  test("everything at once, in one error that can be read", () => {
    const service = annotatedService(
      { http: httpRule("GET /v1/{nope}", { body: "*", responseBody: "nope" }), policy: null },
      { http: httpRule("POST v1") },
    );
    expect(() => httpBindings([service])).toThrow(
      [
        "The contract is wrong:",
        '  test.v1.TestService.Rpc0: GET "/v1/{nope}", column 5: transcoder.v1.Everything has no field "nope"',
        '  test.v1.TestService.Rpc0: GET "/v1/{nope}": a GET request has no body',
        '  test.v1.TestService.Rpc0: GET "/v1/{nope}": response_body: transcoder.v1.Everything has no field "nope"',
        "  test.v1.TestService.Rpc0 has no policy: say who may call it",
        '  test.v1.TestService.Rpc1: POST "v1", column 1: expected "/", found "v"',
      ].join("\n"),
    );
  });
});

describe("httpBindings gives", () => {
  test("a binding for each rule and additional binding, in the order of the contract", () => {
    const service = annotatedService(
      {
        http: httpRule("POST /v1/{string_value}:go", {
          body: "nested",
          responseBody: "color",
          additionalBindings: [httpRule("LIST /v1/x"), httpRule("* /v1/y", { body: "*" })],
        }),
        policy: { access: Access.SIGNED_IN, successStatus: 201 },
      },
      {},
    );
    const [method] = service.methods;
    const [nested, color] = ["nested", "color"].map((name) =>
      EverythingSchema.fields.find((each) => each.name === name),
    );
    const policy = expect.objectContaining({ access: Access.SIGNED_IN, successStatus: 201 });
    const template = (source: string) => expect.objectContaining({ source });
    expect(httpBindings([service])).toEqual([
      {
        rpc: method,
        policy,
        method: "POST",
        template: template("/v1/{string_value}:go"),
        body: { kind: "field", field: nested },
        responseField: color,
      },
      {
        rpc: method,
        policy,
        method: "LIST",
        template: template("/v1/x"),
        body: { kind: "none" },
        responseField: undefined,
      },
      {
        rpc: method,
        policy,
        method: "*",
        template: template("/v1/y"),
        body: { kind: "message" },
        responseField: undefined,
      },
    ]);
  });

  test.each([
    ["the gateway's own contract", [AuthService, UsersService, TasksService, MatchingService]],
    ["the services of the transcoder's tests", [LibraryService, EverythingService, RulesService]],
  ])("no mistakes in %s", (_, services) => {
    expect(httpBindings(services).length).toBeGreaterThanOrEqual(services.flatMap(({ methods }) => methods).length);
  });
});

function mistakesIn(...specs: readonly RpcSpec[]): readonly string[] {
  const service = annotatedService(...specs);
  return mistakesOf(() => httpBindings([service]));
}

function mistakesOf(check: () => unknown): readonly string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof ContractError) return error.mistakes;
    throw error;
  }
}

function mention(index: number, route: string): string {
  const [method, template] = route.split(" ");
  return `test.v1.TestService.Rpc${index}: ${method} "${template}"`;
}
