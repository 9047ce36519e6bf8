import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ReplaceBookRequestSchema, UpdateBookRequestSchema } from "../gen/transcoder/v1/library_pb.ts";
import { readerFor, type Sent } from "./read-request.ts";

type Row<Desc extends DescMessage> = readonly [sent: Sent, outcome: MessageInitShape<Desc> | string, because: string];

function check<Desc extends DescMessage>(route: string, desc: Desc, rows: readonly Row<Desc>[]): void {
  const read = readerFor(route);
  for (const [sent, outcome, because] of rows) {
    test(`${JSON.stringify(sent)}: ${because}`, () => {
      expect(read(sent)).toEqual(typeof outcome === "string" ? outcome : create(desc, outcome));
    });
  }
}

const NAME = "shelves/1/books/2";

describe("PATCH: the mask is what the body names", () => {
  const patch = (body: string, query = ""): Sent => ({ path: [NAME], body, query });
  check("PATCH /v1/{book.name=shelves/*/books/*}", UpdateBookRequestSchema, [
    [
      patch('{"title":"t","price":0}'),
      { book: { name: NAME, title: "t" }, updateMask: { paths: ["title", "price"] } },
      "a zero that was sent is a change",
    ],
    [
      patch('{"published_at":null,"tags":[],"labels":{}}'),
      { book: { name: NAME }, updateMask: { paths: ["published_at", "tags", "labels"] } },
      "null and empty clear a field",
    ],
    [
      patch('{"publishedAt":"1970-01-01T00:00:01Z"}'),
      { book: { name: NAME, publishedAt: { seconds: 1n } }, updateMask: { paths: ["published_at"] } },
      "proto names in the mask, whatever was sent; a well-known type is one value",
    ],
    [
      patch('{"publisher":{"name":"p","address":{"city":"c"}}}'),
      {
        book: { name: NAME, publisher: { name: "p", address: { city: "c" } } },
        updateMask: { paths: ["publisher.name", "publisher.address.city"] },
      },
      "messages are followed, so that their other fields stay",
    ],
    [
      patch('{"publisher":{"address":{"countryCode":"CH"}}}'),
      {
        book: { name: NAME, publisher: { address: { country: "CH" } } },
        updateMask: { paths: ["publisher.address.country"] },
      },
      "a JSON name of its own",
    ],
    [
      patch('{"publisher":{"address":{}}}'),
      { book: { name: NAME, publisher: { address: {} } }, updateMask: { paths: ["publisher.address"] } },
      "an empty message replaces the whole",
    ],
    [patch('{"publisher":null}'), { book: { name: NAME }, updateMask: { paths: ["publisher"] } }, "null removes it"],
    [
      patch('{"labels":{"a":"b"},"chapters":[{"title":"x"}]}'),
      {
        book: { name: NAME, labels: { a: "b" }, chapters: [{ title: "x" }] },
        updateMask: { paths: ["labels", "chapters"] },
      },
      "maps and lists are replaced as a whole",
    ],
    [
      patch("{}"),
      "the body must have at least one of title, author, genre, copies, price, tags, published_at, subtitle, publisher, labels, chapters",
      "nothing to change; what the path sets is not offered",
    ],
    [
      { path: [NAME] },
      "the body must have at least one of title, author, genre, copies, price, tags, published_at, subtitle, publisher, labels, chapters",
      "an empty body is {}",
    ],
    [patch('{"name":"x"}'), "name is set by the path and cannot be sent again", "and cannot be changed"],
    [patch('{"nope":1}'), "nope is not a known field", "an unknown field is the one thing to say"],
    [patch('{"title":1}'), "title must be a string", "so is one that could not be read"],
    [patch("[]"), "the body must be an object", "and a body that is none"],
    [
      patch('{"title":"t","author":"a"}', "update_mask=title"),
      { book: { name: NAME, title: "t", author: "a" }, updateMask: { paths: ["title"] } },
      "a mask that was sent stays",
    ],
    [
      patch('{"title":"t"}', "updateMask=title,publisher.address.countryCode"),
      { book: { name: NAME, title: "t" }, updateMask: { paths: ["title", "publisher.address.country"] } },
      "and may clear what the body does not have; names become those of the .proto",
    ],
    [
      patch('{"title":"t"}', "update_mask="),
      { book: { name: NAME, title: "t" }, updateMask: { paths: ["title"] } },
      "an empty one is none",
    ],
    [patch("{}", "update_mask=nope"), "update_mask names nope, which cannot be changed", "an unknown path"],
    [
      patch("{}", "update_mask=publisher.nope"),
      "update_mask names publisher.nope, which cannot be changed",
      "anywhere",
    ],
    [
      patch("{}", "update_mask=title.x"),
      "update_mask names title.x, which cannot be changed",
      "a string has no fields",
    ],
    [
      patch("{}", "update_mask=published_at.seconds"),
      "update_mask names published_at.seconds, which cannot be changed",
      "half a timestamp is none",
    ],
    [
      patch("{}", "update_mask=labels.a"),
      "update_mask names labels.a, which cannot be changed",
      "nor one key of a map",
    ],
    [
      patch('{"title":"t"}', "update_mask=*"),
      "update_mask must be field names joined by commas",
      "all fields: that is a PUT",
    ],
    [
      patch("{}", "update_mask=name"),
      "update_mask names name, which is set by the path and cannot be sent again",
      "the path is not for changing",
    ],
    [
      patch('{"title":"t"}', "update_mask=title&update_mask=author"),
      "update_mask must be sent once",
      "one mask; its paths are joined by commas",
    ],
  ]);
});

describe("a PUT that the policy makes partial", () => {
  const put = (body: string, query = ""): Sent => ({ path: ["b1"], body, query });
  check("PUT /v1/books/{book_id}", ReplaceBookRequestSchema, [
    [
      put('{"title":"t"}'),
      { bookId: "b1", changes: { title: "t" }, updateMask: { paths: ["title"] } },
      "required fields that are not named are not asked for",
    ],
    [put('{"title":null}'), "title is required", "one that is named cannot be cleared"],
    [put('{"title":""}'), "title must not be blank", "nor emptied"],
    [put('{"tags":[]}'), "tags is required", "nor can a list"],
    [
      put('{"min_price":null}'),
      { bookId: "b1", changes: {}, updateMask: { paths: ["min_price"] } },
      "zero, which it will be, satisfies its rules",
    ],
    [put('{"genre":null}'), "genre is required", "an enum without a value"],
    [put('{"genre":0}'), "genre must be one of NOVEL, SCIENCE_FICTION, ESSAY", "or with the one that says nothing"],
    [
      put('{"min_price":5,"max_price":3}'),
      "min_price must be less than max_price",
      "rules about two fields, both named",
    ],
    [
      put('{"min_price":5,"max_price":3,"title":"t"}', "update_mask=title,min_price"),
      {
        bookId: "b1",
        changes: { title: "t", minPrice: 5, maxPrice: 3 },
        updateMask: { paths: ["title", "min_price"] },
      },
      "not one that is not changed",
    ],
    [
      put('{"title":"","tags":["a"]}', "update_mask=tags"),
      { bookId: "b1", changes: { title: "", tags: ["a"] }, updateMask: { paths: ["tags"] } },
      "what the mask leaves out is not looked at",
    ],
    [put("{}", "update_mask=title"), "title is required", "what it names is, sent or not"],
    [
      { path: ["-"], body: '{"tags":["a","","much too long"]}' },
      "book_id must be 1 to 128 letters, digits, or any of ._:-, and begin with a letter or digit; tags[1] must not be blank; tags[2] must be at most 8 characters",
      "the rest of the request is checked as ever",
    ],
    [
      { path: ["-"], body: "{" },
      "the body is not valid JSON: line 1, column 2: a name in double quotes was expected; book_id must be 1 to 128 letters, digits, or any of ._:-, and begin with a letter or digit",
      "even where the body is lost",
    ],
  ]);
});
