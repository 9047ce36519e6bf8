import { request as httpRequest, type IncomingMessage } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import { call, type Person, register } from "../support/gateway-under-test.ts";
import { expectRefusal, invalid, NOT_JSON, TOO_LARGE } from "../support/problems.ts";
import { createWorld, methodOf, REST_ROUTES, type World } from "../support/rest-routes.ts";
import { newTask, taskBody } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

/** MAX_BODY_BYTES unless told. */
const MAX_BYTES = 1_048_576;

/** Bodies that are no JSON, no Unicode, too large, or not said to be JSON. */
export function badBodiesSuite(target: Target): void {
  const url = () => target().url;
  let client: Person;
  let world: World;
  beforeAll(async () => {
    world = await createWorld(url());
    client = world.client;
  });
  const nothingStored = async () =>
    (await call(url(), "GET /api/v1/tasks", { token: client.token })).headers.get("x-total-count");

  const task = JSON.stringify(taskBody());
  const withMember = (member: string) => `${task.slice(0, -1)},${member}}`;
  /** A task whose description is these bytes between quotes. */
  const withBytes = (...bytes: number[]) => {
    const [before, after] = JSON.stringify({ ...taskBody(), description: "@" }).split("@");
    return Buffer.concat([Buffer.from(before!), Buffer.from(bytes), Buffer.from(after!)]);
  };

  const notJson: readonly (readonly [why: string, body: string | Uint8Array])[] = [
    ["nothing but white space", " \n"],
    ["an object that does not end", task.slice(0, -1)],
    ["something after the object", `${task}x`],
    ["two objects", `${task}${task}`],
    ["two objects, a line each", `${task}\n${task}`],
    ["a comma at the end", withMember("")],
    ["a name without a value", withMember('"priority":')],
    ["a name without a colon", withMember('"priority" 1')],
    ["a name without quotes", withMember("priority:1")],
    ["single quotes", task.replaceAll('"', "'")],
    ["a comment", `/* a task */ ${task}`],
    ["a bare word", withMember('"priority":yes')],
    ["NaN", withMember('"priority":NaN')],
    ["Infinity", withMember('"priority":-Infinity')],
    ["undefined", "undefined"],
    ["a number with a plus", withMember('"priority":+1')],
    ["a number with a zero in front", withMember('"priority":01')],
    ["a number without digits before its point", withMember('"priority":.5')],
    ["a number without digits after it", withMember('"priority":1.')],
    ["a hexadecimal number", withMember('"priority":0x1')],
    ["a line break in a string", withMember('"x":"a\nb"')],
    ["a tab in a string", withMember('"x":"a\tb"')],
    ["a null character in a string", withMember('"x":"a\u0000b"')],
    ["an escape that is none", withMember('"x":"\\q"')],
    ["an escape that breaks off", withMember('"x":"\\u12"')],
    ["a string that does not end", '{"title": "x'],
    ["a name given twice", withMember('"title":"another"')],
    ["a name given twice, once with an escape", withMember('"t\\u0069tle":"another"')],
    ["an unknown name given twice", withMember('"x":1,"x":1')],
    ["a name given twice deep inside", withMember('"x":[{"y":{"z":1,"z":1}}]')],
    ["65 arrays in one another", withMember(`"x":${"[".repeat(65)}${"]".repeat(65)}`)],
    ["65 objects in one another", `${'{"x":'.repeat(65)}1${"}".repeat(65)}`],
    ["100 000 arrays in one another", "[".repeat(100_000)],
    ["a lone high surrogate", withMember('"x":"\\ud800"')],
    ["a lone low surrogate", withMember('"x":"\\udc00\\ud800"')],
    ["a lone surrogate in a name", withMember('"\\ud800":1')],
    ["bytes that are no UTF-8", withBytes(0xff)],
    ["an overlong encoding of a quote", withBytes(0xc0, 0xa2)],
    ["a surrogate in UTF-8", withBytes(0xed, 0xa0, 0x80)],
    ["a character cut in half", withBytes(0xe2, 0x82)],
    ["a code point beyond Unicode", withBytes(0xf4, 0x90, 0x80, 0x80)],
    ["UTF-16", Buffer.from(task, "utf16le")],
    ["UTF-16 with a byte order mark", Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(task, "utf16le")])],
    ["a form", "title=x&skill_tags=y"],
  ];
  test.each(notJson)("%s is 400, and stores nothing", async (why, body) => {
    const before = await nothingStored();
    await expectRefusal(url(), "POST /api/v1/tasks", { token: client.token, body }, invalid(""), why);
    expect(await nothingStored()).toBe(before);
  });

  test.each(["[]", "1", '"a"', "true", "null", `[${task}]`])("the JSON %.20s is no object", async (body) => {
    await expectRefusal(url(), "POST /api/v1/tasks", { token: client.token, body }, invalid(""));
  });

  test("a body that cannot be read does not hide what is wrong elsewhere", async () => {
    const { token } = client;
    await expectRefusal(url(), "PUT /api/v1/tasks/-?x=1", { token, body: "{" }, invalid("", "task_id", "x"));
  });

  test("no refusal repeats what was sent in a password or a token", async () => {
    const secret = "S3cret-horse";
    for (const body of [
      `{"email":"a@b.example","password":"${secret}"`,
      `{"email":1,"password":["${secret}"]}`,
      `{"email":"a","password":"${secret}","password":"${secret}"}`,
    ]) {
      const answer = await call(url(), "POST /api/v1/auth/login", { body });
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).not.toContain(secret);
    }
  });

  const withBody = REST_ROUTES.filter((row) => ["POST", "PUT"].includes(methodOf(row)));
  describe.each(withBody.map((row) => [row.route, row] as const))("%s", (_name, row) => {
    test("refuses malformed JSON, a body that is no object, and one in another encoding", async () => {
      const { path, token } = await row.ready(world);
      const request = `${methodOf(row)} ${path}`;
      for (const body of ["{", "[]", "null", '{"a":1,"a":1}', new Uint8Array([0x7b, 0xff, 0x7d])]) {
        await expectRefusal(url(), request, { token, body }, invalid(""), `${request} ${body}`);
      }
    });

    test("refuses another content type than JSON's, whatever the body", async () => {
      const { path, token, body } = await row.ready(world);
      const request = `${methodOf(row)} ${path}`;
      for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
        const headers = { "content-type": type };
        await expectRefusal(url(), request, { token, body, headers }, NOT_JSON);
        await expectRefusal(url(), request, { token, body: "{", headers }, NOT_JSON);
      }
    });

    test("refuses a body that is too large", async () => {
      const { path, token } = await row.ready(world);
      const body = "x".repeat(MAX_BYTES + 1);
      await expectRefusal(url(), `${methodOf(row)} ${path}`, { token, body }, TOO_LARGE);
    });
  });

  const contentTypes: readonly (readonly [type: string, status: number, why: string])[] = [
    ["application/json", 201, "as it is"],
    ["application/json; charset=utf-8", 201, "with the charset that JSON has"],
    ["application/json;charset=UTF-8", 201, "in any letter case, without the space"],
    ['application/json; charset="utf-8"', 201, "in quotes"],
    ["Application/JSON", 201, "a type has no letter case"],
    ["", 415, "none"],
    ["text/plain", 415, "what fetch says of a string"],
    ["text/json", 415, "an old name"],
    ["application/x-www-form-urlencoded", 415, "what curl says with -d"],
    ["multipart/form-data; boundary=x", 415, "a form"],
    ["application/problem+json", 415, "JSON of another kind"],
    ["application/json; charset=iso-8859-1", 415, "another charset"],
    ["application/json; charset=utf-16", 415, "and another"],
    ["application/jsonx", 415, "a longer name"],
    ["application/json, text/plain", 415, "two types"],
    ["x application/json", 415, "something in front"],
    ["*/*", 415, "a pattern is no type"],
  ];
  test.each(contentTypes)("the content type %j is %i: %s", async (type, status) => {
    const options = { token: client.token, body: new TextEncoder().encode(task), headers: { "content-type": type } };
    if (status === 415) await expectRefusal(url(), "POST /api/v1/tasks", options, NOT_JSON);
    else expect((await call(url(), "POST /api/v1/tasks", options)).status).toBe(status);
  });

  test("a body without a content type is 415", async () => {
    const response = await fetch(`${url()}/api/v1/tasks`, {
      method: "POST",
      headers: { authorization: `Bearer ${client.token}` },
      // Bytes: to text, fetch would give a type of its own.
      body: new TextEncoder().encode(task),
    });
    expect([response.status, await response.json()]).toEqual([415, expect.objectContaining({ code: NOT_JSON.code })]);
  });

  test("a body with a content encoding is 415, not read as it is", async () => {
    const headers = { "content-encoding": "gzip" };
    await expectRefusal(url(), "POST /api/v1/tasks", { token: client.token, body: task, headers }, NOT_JSON);
  });

  describe("a body's size", () => {
    /** A task of exactly so many bytes: JSON may have white space at its end. */
    const taskOf = (bytes: number) => task.padEnd(bytes, " ");

    test("may be MAX_BODY_BYTES, and not one more, whether it is declared or comes in chunks", async () => {
      const { token } = client;
      for (const [bytes, status] of [
        [MAX_BYTES, 201],
        [MAX_BYTES + 1, 413],
      ] as const) {
        const declared = await call(url(), "POST /api/v1/tasks", { token, body: taskOf(bytes) });
        expect([declared.status, declared.body.code], "declared").toEqual([
          status,
          status === 413 ? "PAYLOAD_TOO_LARGE" : undefined,
        ]);
        const chunked = await fetch(`${url()}/api/v1/tasks`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: new Blob([taskOf(bytes)]).stream(),
          duplex: "half",
        } as RequestInit);
        expect(chunked.status, "in chunks").toBe(status);
        await chunked.text();
      }
    });

    test("is refused as declared, before the body comes", async () => {
      const { statusCode, body } = await sendHead(`${url()}/api/v1/tasks`, {
        authorization: `Bearer ${client.token}`,
        "content-type": "application/json",
        "content-length": String(MAX_BYTES + 1),
      });
      expect([statusCode, body.code]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    });

    test("is looked at after the token, which comes in the head", async () => {
      const { statusCode } = await sendHead(`${url()}/api/v1/tasks`, {
        "content-type": "application/json",
        "content-length": String(MAX_BYTES + 1),
      });
      expect(statusCode).toBe(401);
    });

    test("may be empty in chunks, which is {}", async () => {
      const { token } = await register(url(), "CLIENT");
      const response = await fetch(`${url()}/api/v1/auth/logout`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: new Blob([]).stream(),
        duplex: "half",
      } as RequestInit);
      expect(response.status).toBe(200);
      await response.text();
    });

    test("of a route without a body does not matter, and neither does its type", async () => {
      const { token } = client;
      const headers = { "content-type": "text/plain" };
      const taskId = await newTask(url(), client);
      const request = `DELETE /api/v1/tasks/${taskId}`;
      expect((await call(url(), request, { token, body: "{", headers })).status).toBe(200);
    });
  });
}

/** Sends a request's head, and answers what comes back without ever sending the body. */
function sendHead(url: string, headers: Record<string, string>) {
  return new Promise<{ statusCode: number | undefined; body: { code?: string } }>((resolve, reject) => {
    const request = httpRequest(url, { method: "POST", headers, agent: false }, (response: IncomingMessage) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        request.destroy();
        resolve({ statusCode: response.statusCode, body: JSON.parse(text) });
      });
    });
    request.on("error", reject);
    request.flushHeaders();
  });
}
