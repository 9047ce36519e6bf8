import { describe, expect, test } from "vitest";
import { createCors } from "#src/edge/cors.ts";

const APP = "https://app.example.com";
const LIST = createCors([APP, "http://localhost:3000"]);
const ANYONE = createCors(["*"]);

function decorated(cors: ReturnType<typeof createCors>, origin: string | undefined, headers = new Headers()): Headers {
  const init = origin === undefined ? {} : { headers: { Origin: origin } };
  cors.decorate(new Request("http://gateway.test/", init), headers);
  return headers;
}

describe("an answer", () => {
  test.each<readonly [string | undefined, string | null, string]>([
    [APP, APP, "an origin of the list"],
    ["http://localhost:3000", "http://localhost:3000", "another one"],
    [undefined, null, "no origin: no page asked"],
    ["https://evil.example", null, "a foreign origin"],
    ["null", null, "a sandboxed page or a file: anybody can be that"],
    ["http://app.example.com", null, "another scheme"],
    ["https://app.example.com:8443", null, "another port"],
    ["https://app.example.com/", null, "no origin has a slash at its end"],
    ["https://app.example.com.evil.example", null, "an origin that begins alike"],
    ["https://evil-app.example.com", null, "an origin that ends alike"],
    ["HTTPS://APP.EXAMPLE.COM", null, "browsers send lower case"],
    [`${APP}, https://evil.example`, null, "two origins, joined"],
    ["*", null, "a star is no origin"],
  ])("to origin %j may be read by %j: %s", (origin, allowed) => {
    const headers = decorated(LIST, origin);
    expect(headers.get("Access-Control-Allow-Origin")).toBe(allowed);
    expect(headers.has("Access-Control-Expose-Headers")).toBe(allowed !== null);
    expect(headers.get("Vary")).toBe("Origin");
  });

  test.each([APP, "https://evil.example", "null", undefined])(
    "to origin %j may be read by anyone where all are allowed",
    (origin) => {
      const headers = decorated(ANYONE, origin);
      expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(headers.has("Vary")).toBe(false);
    },
  );

  test("a star in a list is a star", () => {
    expect(decorated(createCors([APP, "*"]), "https://evil.example").get("Access-Control-Allow-Origin")).toBe("*");
  });

  test("is never for credentials, which would be cookies", () => {
    expect(decorated(LIST, APP).has("Access-Control-Allow-Credentials")).toBe(false);
    expect(decorated(ANYONE, APP).has("Access-Control-Allow-Credentials")).toBe(false);
  });

  test("lets a page read what the contract names (section 7)", () => {
    const exposed = decorated(LIST, APP).get("Access-Control-Expose-Headers")?.split(", ");
    expect(exposed).toEqual(
      expect.arrayContaining([
        "X-Request-Id",
        "X-Total-Count",
        "Grpc-Status",
        "Grpc-Message",
        "Grpc-Status-Details-Bin",
        "Link",
        "ETag",
        "Retry-After",
        "RateLimit",
        "RateLimit-Policy",
      ]),
    );
    expect(exposed).not.toContain("*");
  });

  test("keeps what varied before", () => {
    expect(decorated(LIST, APP, new Headers({ Vary: "Accept" })).get("Vary")).toBe("Accept, Origin");
  });

  test("replaces an origin that an answer brought along", () => {
    const headers = new Headers({ "Access-Control-Allow-Origin": "https://evil.example" });
    expect(decorated(LIST, APP, headers).get("Access-Control-Allow-Origin")).toBe(APP);
  });
});

describe("a preflight", () => {
  const METHODS = ["GET", "HEAD", "OPTIONS"];

  function preflight(cors: ReturnType<typeof createCors>, method: string, headers: Record<string, string>) {
    return cors.preflight(new Request("http://gateway.test/", { method, headers }), METHODS);
  }

  test("of an allowed origin hears the route's methods, our headers, and for how long", () => {
    const headers = { Origin: APP, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-evil" };
    const response = preflight(LIST, "OPTIONS", headers)!;
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toEqual({
      "access-control-allow-methods": "GET, HEAD, OPTIONS",
      "access-control-allow-headers":
        "Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id, " +
        "Connect-Protocol-Version, Connect-Timeout-Ms, Grpc-Timeout, X-Grpc-Web, X-User-Agent",
      "access-control-max-age": "600",
      vary: "Access-Control-Request-Method, Access-Control-Request-Headers",
    });
  });

  test("of a foreign origin is answered, and allows nothing", () => {
    const response = preflight(LIST, "OPTIONS", {
      Origin: "https://evil.example",
      "Access-Control-Request-Method": "GET",
    })!;
    expect(response.status).toBe(204);
    expect([...response.headers.keys()]).toEqual(["vary"]);
  });

  test.each([
    ["another method", "GET", { Origin: APP, "Access-Control-Request-Method": "GET" }],
    ["no origin", "OPTIONS", { "Access-Control-Request-Method": "GET" }],
    ["no method asked for: an ordinary OPTIONS", "OPTIONS", { Origin: APP }],
  ])("is none: %s", (_because, method, headers) => {
    expect(preflight(LIST, method, headers as Record<string, string>)).toBeUndefined();
  });
});
