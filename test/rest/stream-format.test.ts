import { describe, expect, test } from "vitest";
import { streamFormatFor } from "#src/rest/stream-format.ts";

type Row = readonly [accept: string | null, format: "array" | "ndjson" | "sse", because: string];

const ROWS: readonly Row[] = [
  [null, "array", "no header accepts all"],
  ["", "array", "an empty one says nothing"],
  ["*/*", "array", "of all, what every client reads"],
  ["application/json", "array", "by its name"],
  ["application/*", "array", "by its type: before NDJSON"],
  ["application/x-ndjson", "ndjson", "by its name"],
  ["text/event-stream", "sse", "what EventSource sends"],
  ["text/*", "sse", "the only one of its type"],
  ["Text/Event-Stream", "sse", "types have no letter case"],
  ["text/event-stream; charset=utf-8", "sse", "a parameter is no weight"],
  [" text/event-stream ;q=0.5 ", "sse", "spaces mean nothing"],
  ["text/event-stream, */*", "sse", "of equals, what is named beats what a * covers"],
  ["*/*, text/event-stream", "sse", "wherever it stands"],
  ["application/json, text/plain, */*", "array", "what axios sends"],
  ["application/json, text/event-stream", "array", "of named equals the array"],
  ["text/event-stream, application/json;q=0.9", "sse", "the weight decides"],
  ["text/event-stream;q=0.5, application/x-ndjson;q=0.6", "ndjson", "in any order"],
  ["text/event-stream;q=0.8, */*;q=0.9", "array", "a heavier * beats a lighter name"],
  ["application/json;q=0, */*", "ndjson", "q=0 refuses what * would let in: the name is more specific"],
  ["application/*;q=0, */*", "sse", "so is the type"],
  ["text/event-stream;q=0", "array", "nothing is accepted: the array all the same, and no 406"],
  ["text/html", "array", "nor is anything here"],
  ["text/event-stream;q=0.001, text/html", "sse", "the smallest weight is one"],
  ["text/event-stream;q=high", "sse", "a weight that is no number says nothing"],
  ["application/json;q=0.9, text/event-stream;q=7", "sse", "a weight over 1 is 1"],
  ["text/event-stream;q=-1", "array", "one under 0 is 0"],
  ["application/json;q=0.1, application/json, text/event-stream;q=0.5", "array", "said twice, the better counts"],
  [",,;q=1,/", "array", "rubbish is nothing"],
];

const TYPES = { array: "application/json", ndjson: "application/x-ndjson", sse: "text/event-stream" };

describe("the format of a stream", () => {
  for (const [accept, format, because] of ROWS) {
    test(`${accept ?? "no Accept"} → ${format}: ${because}`, () => {
      expect(streamFormatFor(accept).contentType).toBe(TYPES[format]);
    });
  }
});
