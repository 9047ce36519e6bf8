/** A value that a field must refuse, and why it is in the table. */
export type WrongValue = readonly [value: string, why: string];

export type Kind = "text" | "texts" | "number" | "whole" | "bool" | "userType" | "presence" | "taskStatus";

const WRONG_ENUM: readonly WrongValue[] = [
  ['""', "no name"],
  ['"NO_SUCH"', "an unknown name"],
  ['"UNSPECIFIED"', "the zero value, by its short name"],
  ["0", "the zero value"],
  ['"0"', "the zero value as a string"],
  ["99", "an unknown number"],
  ["-1", "a negative one"],
  ["1.5", "a fraction"],
  ["true", "a bool"],
  ["{}", "an object"],
  ["[]", "an array"],
  ['" IDLE"', "white space is part of no name"],
];

const NOT_TEXT: readonly WrongValue[] = [
  ["1", "a number is not made a string"],
  ["true", "a bool"],
  ["{}", "an object"],
  ['["a"]', "an array"],
];

const NOT_A_NUMBER: readonly WrongValue[] = [
  ['"abc"', "no number"],
  ['""', "an empty string is no 0"],
  ['" 1"', "white space"],
  ['"0x10"', "hexadecimal is not JSON's"],
  ['"1_000"', "nor are separators"],
  ['"1,5"', "nor is a comma"],
  ['"NaN"', "not a number, by name"],
  ['"Infinity"', "no end, by name"],
  ['"-Infinity"', "nor this one"],
  ['"inf"', "nor C's"],
  ["1e400", "beyond a double: JSON.parse would make it Infinity"],
  ["-1e400", "and below"],
  ['"1e400"', "the same as a string"],
  ["true", "a bool"],
  ["{}", "an object"],
  ["[1]", "an array"],
];

/** What each kind of field refuses in JSON, as JSON text: some of it no JavaScript value can express. */
export const WRONG_JSON: Readonly<Record<Kind, readonly WrongValue[]>> = {
  text: NOT_TEXT,
  texts: [
    ['"a"', "one string is no list"],
    ["1", "a number"],
    ["true", "a bool"],
    ['{"0": "a"}', "an object"],
    ["[1]", "an item that is no string"],
    ['["a", null]', "an item that is nothing"],
    ['["a", {}]', "an item that is an object"],
    ['[["a"]]', "a list in a list"],
  ],
  number: NOT_A_NUMBER,
  whole: [
    ...NOT_A_NUMBER,
    ["1.5", "a fraction"],
    ['"1.5"', "the same as a string"],
    ["-1", "negative"],
    ["4294967296", "2^32"],
    ["9007199254740993", "2^53 + 1: JSON.parse would change it"],
    ["1e308", "far beyond"],
  ],
  bool: [
    ["1", "a number"],
    ["0", "another"],
    ['"true"', "a string"],
    ['""', "an empty one"],
    ["{}", "an object"],
    ["[]", "an array"],
  ],
  userType: [
    ...WRONG_ENUM,
    ['"USER_TYPE_UNSPECIFIED"', "the zero value's long name"],
    ['"PRESENCE_IDLE"', "another's"],
  ],
  presence: [...WRONG_ENUM, ['"USER_PRESENCE_STATUS_UNSPECIFIED"', "the zero value's long name"]],
  taskStatus: [
    ...WRONG_ENUM,
    ['"TASK_LIFECYCLE_STATUS_UNSPECIFIED"', "the zero value's long name"],
    ['"TASK_LIFECYCLE_STATUS_IN_PROGRESS"', "the other name of ASSIGNED has no long form"],
  ],
};

const long = (length: number) => JSON.stringify("a".repeat(length));
const list = (length: number) => JSON.stringify(Array.from({ length }, (_, index) => `s${index}`));

const BLANK: readonly WrongValue[] = [
  ['""', "empty"],
  ['"   "', "spaces"],
  ['"\\t\\n\\r"', "other white space"],
  ['"\\u00a0\\u2003\\u3000"', "white space of other scripts"],
];
const BAD_ID: readonly WrongValue[] = [
  ['""', "empty"],
  ['"a b"', "a space"],
  ['"a/b"', "a slash"],
  ['"-a"', "it begins with a letter or digit"],
  ['".."', "no letter or digit at all"],
  ['"é"', "another letter than ASCII's"],
  ['"a\\n"', "a line break at the end, which $ would let pass"],
  ['"a\\u0000"', "a control character"],
  [long(129), "one character too many"],
];
const BAD_EMAIL: readonly WrongValue[] = [
  ['""', "empty"],
  ['"no"', "no @"],
  ['"a@"', "no domain"],
  ['"@b.example"', "no name"],
  ['"a@b"', "a domain without a dot"],
  ['"a@b@c.example"', "two @"],
  ['"a b@c.example"', "a space"],
  ['"a@c.example\\n"', "a line break at the end"],
  ['"a@c.example, b@c.example"', "two addresses"],
  ['"A <a@c.example>"', "a name with it"],
  ['"a@-c.example"', "no domain begins so"],
  [`"${"a".repeat(250)}@c.example"`, "longer than an address can be"],
];
const BAD_PASSWORD: readonly WrongValue[] = [
  ['""', "empty"],
  ['"Abcdef1"', "7 characters"],
  ['"Aa1😀😀😀"', "6 code points that are 9 units"],
  [JSON.stringify(`Aa1${"a".repeat(126)}`), "129 characters"],
  ['"abcdefg1"', "no upper-case letter"],
  ['"ABCDEFG1"', "no lower-case letter"],
  ['"Abcdefgh"', "no digit"],
];
const BAD_NAME: readonly WrongValue[] = [
  ...BLANK,
  ['"a"', "1 character"],
  ['"😀"', "1 code point"],
  [long(256), "256"],
];
const BAD_TITLE: readonly WrongValue[] = [...BLANK, [long(201), "201 characters"]];
const BAD_TAGS: readonly WrongValue[] = [
  ["[]", "none"],
  [list(51), "51 of them"],
  ['[""]', "an empty one"],
  ['["a", "  "]', "a blank one"],
  [`["a", ${long(65)}]`, "one of 65 characters"],
];
const BAD_SKILLS = BAD_TAGS.filter(([value]) => value !== "[]");
const NEGATIVE: readonly WrongValue[] = [
  ["-1", "negative"],
  ["-0.01", "a little negative"],
  ['"-1"', "as a string"],
  ["-5e-324", "as little as a double can be"],
];
const BAD_URL: readonly WrongValue[] = [
  ['"no"', "no URL"],
  ['"ftp://x.example"', "another scheme"],
  ['"javascript:alert(1)"', "a dangerous one"],
  ['"http://"', "no host"],
  ['"http:x.example"', "a URL parser would forgive it"],
  ['"https://user:secret@x.example"', "credentials"],
  ['"https://x.example/a b"', "a space"],
  ['" https://x.example"', "a space in front"],
  [JSON.stringify(`https://x.example/${"a".repeat(2048)}`), "too long"],
];
const BAD_LIMIT: readonly WrongValue[] = [["0", "none"]];
const BAD_STRATEGY: readonly WrongValue[] = [
  ['""', "none"],
  ['"unknown"', "an unknown one"],
  ['"Balanced"', "names have a letter case"],
];

/** A field of a body. `required` says that it must be there, and that null is as good as nothing. */
export interface BodyField {
  readonly name: string;
  readonly kind: Kind;
  readonly required?: true;
  readonly wrong?: readonly WrongValue[];
  /** A field that a wrong value of this one may make wrong, too. */
  readonly besides?: string;
}

const TASK_FIELDS: readonly BodyField[] = [
  { name: "title", kind: "text", required: true, wrong: BAD_TITLE },
  { name: "skill_tags", kind: "texts", required: true, wrong: BAD_TAGS },
  { name: "budget_lower_bound", kind: "number", required: true, wrong: NEGATIVE },
  { name: "budget_upper_bound", kind: "number", required: true, wrong: NEGATIVE, besides: "budget_lower_bound" },
];
const MATCHING_FIELDS: readonly BodyField[] = [
  { name: "task_id", kind: "text", required: true, wrong: BAD_ID },
  ...TASK_FIELDS,
  { name: "description", kind: "text", required: true },
];

/** The bodies' fields, by route, as contract.md sections 2 and 7 have them. */
export const BODY_FIELDS: Readonly<Record<string, readonly BodyField[]>> = {
  "POST /api/v1/auth/register": [
    { name: "email", kind: "text", required: true, wrong: BAD_EMAIL },
    { name: "password", kind: "text", required: true, wrong: BAD_PASSWORD },
    { name: "display_name", kind: "text", required: true, wrong: BAD_NAME },
    { name: "user_type", kind: "userType", required: true },
  ],
  "POST /api/v1/auth/login": [
    { name: "email", kind: "text", required: true, wrong: BAD_EMAIL },
    { name: "password", kind: "text", required: true, wrong: [['""', "empty"]] },
  ],
  "POST /api/v1/auth/refresh": [{ name: "refresh_token", kind: "text", required: true, wrong: [['""', "empty"]] }],
  "POST /api/v1/auth/logout": [
    { name: "refresh_token", kind: "text" },
    { name: "all_sessions", kind: "bool" },
  ],
  "POST /api/v1/users/developers": [
    { name: "display_name", kind: "text", required: true, wrong: BAD_NAME },
    { name: "email", kind: "text", required: true, wrong: BAD_EMAIL },
    { name: "skill_tags", kind: "texts", required: true, wrong: BAD_TAGS },
    { name: "hourly_rate", kind: "number", wrong: NEGATIVE },
  ],
  "PUT /api/v1/users/developers/{user_id}": [
    { name: "skill_tags", kind: "texts", wrong: BAD_TAGS },
    { name: "hourly_rate", kind: "number", wrong: NEGATIVE },
    { name: "bio", kind: "text" },
    { name: "links", kind: "texts", wrong: [[list(51), "51 of them"]] },
  ],
  "PUT /api/v1/users/developers/{user_id}/presence": [{ name: "presence", kind: "presence", required: true }],
  "POST /api/v1/tasks": [
    ...TASK_FIELDS,
    { name: "description", kind: "text" },
    { name: "repository_url", kind: "text", wrong: BAD_URL },
    { name: "priority", kind: "whole" },
  ],
  "PUT /api/v1/tasks/{task_id}": [
    { name: "title", kind: "text", wrong: BAD_TITLE },
    { name: "description", kind: "text" },
    { name: "skill_tags", kind: "texts", wrong: BAD_TAGS },
    { name: "budget_lower_bound", kind: "number", wrong: NEGATIVE },
    { name: "budget_upper_bound", kind: "number", wrong: NEGATIVE, besides: "budget_lower_bound" },
    { name: "repository_url", kind: "text", wrong: BAD_URL },
    { name: "status", kind: "taskStatus" },
  ],
  "POST /api/v1/matching/score": [
    ...MATCHING_FIELDS,
    { name: "limit", kind: "whole", wrong: [...BAD_LIMIT, ["51", "one too many"]] },
    { name: "strategy", kind: "text", wrong: BAD_STRATEGY },
  ],
  "POST /api/v1/matching/filter": [
    ...MATCHING_FIELDS,
    {
      name: "candidate_user_ids",
      kind: "texts",
      required: true,
      wrong: [["[]", "nobody"], ...BAD_ID.map(([value, why]) => [`["a", ${value}]`, why] as const)],
    },
    { name: "min_rating", kind: "number", wrong: NEGATIVE },
    { name: "max_hourly_rate", kind: "number", wrong: NEGATIVE },
    { name: "required_skills", kind: "texts", wrong: BAD_SKILLS },
    { name: "online_only", kind: "bool" },
  ],
  "POST /api/v1/matching/tasks/{task_id}/start": [
    { name: "limit", kind: "whole", wrong: [...BAD_LIMIT, ["51", "one too many"]] },
    { name: "strategy", kind: "text", wrong: BAD_STRATEGY },
  ],
  "POST /api/v1/matching/proposals/{proposal_id}/accept": [],
  "POST /api/v1/matching/proposals/{proposal_id}/reject": [
    { name: "reason", kind: "text", wrong: [[long(1001), "1001 characters"]] },
  ],
};

const NOT_A_LIMIT: readonly WrongValue[] = [
  ["0", "none"],
  ["-1", "negative"],
  ["1.5", "a fraction"],
  ["", "empty is no number"],
  ["abc", "nor is this"],
  ["1e400", "nor this"],
  ["0x10", "hexadecimal"],
  ["%201", "a space in front"],
  ["+1", "which is a space in a query"],
  ["%2B1", "JSON has no plus in front"],
  ["01", "nor a zero"],
  ["NaN", "a name"],
  ["Infinity", "another"],
  ["4294967296", "2^32"],
  ["4294967297", "2^32 + 1, which is not 1"],
  ["1%00", "a control character"],
  ["%zz", "malformed percent-encoding"],
  ["%FF", "not UTF-8"],
];
const NOT_AN_AMOUNT: readonly WrongValue[] = [
  ["-1", "negative"],
  ["", "empty"],
  ["abc", "no number"],
  ["1e400", "beyond a double"],
  ["NaN", "not a number"],
  ["Infinity", "no end"],
  ["%", "malformed percent-encoding"],
];
const NOT_AN_ID: readonly WrongValue[] = [
  ["", "empty"],
  ["a%2Fb", "a slash"],
  ["-a", "it begins with a letter or digit"],
  ["a%0A", "a line break at the end"],
  ["a".repeat(129), "one character too many"],
];
const NOT_A_STRATEGY: readonly WrongValue[] = [
  ["", "none"],
  ["unknown", "an unknown one"],
  ["Balanced", "names have a letter case"],
];
const NO_TAG: readonly WrongValue[] = [
  ["", "empty"],
  ["%20", "blank"],
  ["+", "a space, too"],
  ["%ED%A0%80", "a lone surrogate"],
  ["a".repeat(65), "65 characters"],
];

export interface QueryParameter {
  readonly name: string;
  readonly repeats?: true;
  /** One that is good for every caller. */
  readonly good?: string;
  /** As it stands in the query. */
  readonly wrong: readonly WrongValue[];
}

/** The query's parameters, by route. */
export const QUERY_PARAMETERS: Readonly<Record<string, readonly QueryParameter[]>> = {
  "GET /api/v1/users/developers": [
    { name: "skill_tags", repeats: true, wrong: NO_TAG },
    { name: "budget_lower_bound", wrong: NOT_AN_AMOUNT },
    { name: "budget_upper_bound", wrong: NOT_AN_AMOUNT },
    { name: "limit", wrong: [...NOT_A_LIMIT, ["101", "one too many"]] },
  ],
  "GET /api/v1/tasks": [
    { name: "client_id", wrong: NOT_AN_ID },
    {
      name: "status",
      good: "OPEN",
      wrong: [
        ["", "empty"],
        ["NO_SUCH", "an unknown name"],
        ["UNSPECIFIED", "the zero value"],
        ["0", "its number"],
        ["6", "an unknown number"],
        ["1.5", "a fraction"],
        ["OPEN,PAUSED", "a list"],
      ],
    },
    { name: "skill_tags", repeats: true, wrong: NO_TAG },
    { name: "limit", wrong: [...NOT_A_LIMIT, ["101", "one too many"]] },
    { name: "offset", wrong: NOT_A_LIMIT.filter(([value]) => value !== "0") },
  ],
  "GET /api/v1/matching/recommendations/{task_id}": [
    { name: "limit", wrong: [...NOT_A_LIMIT, ["51", "one too many"]] },
    { name: "strategy", good: "greedy", wrong: NOT_A_STRATEGY },
  ],
  "GET /api/v1/matching/proposals": [
    { name: "task_id", wrong: NOT_AN_ID },
    {
      name: "state",
      good: "PROPOSED",
      wrong: [
        ["", "empty"],
        ["NO_SUCH", "an unknown name"],
        ["UNSPECIFIED", "the zero value"],
        ["PROPOSAL_STATE_UNSPECIFIED", "the zero value's long name"],
        ["0", "its number"],
        ["6", "an unknown number"],
        ["1.5", "a fraction"],
        ["OPEN", "a name of another enum"],
        ["ACCEPTED,REJECTED", "a list"],
      ],
    },
    { name: "limit", wrong: [...NOT_A_LIMIT, ["101", "one too many"]] },
    { name: "offset", wrong: NOT_A_LIMIT.filter(([value]) => value !== "0") },
  ],
  "GET /api/v1/matching/proposals/events": [
    { name: "task_id", wrong: NOT_AN_ID },
    {
      name: "after_event_id",
      wrong: [
        ["%zz", "malformed percent-encoding"],
        ["%FF", "not UTF-8"],
        ["%ED%A0%80", "a lone surrogate"],
        ["1".repeat(129), "one character too many"],
      ],
    },
  ],
};
