import { posix } from "node:path";
import { describe, expect, test } from "vitest";
import { readTracked, trackedFiles } from "./tracked-files.ts";

/** What every stage may know: who is calling, what went wrong, what the contract says. */
const REQUEST = ["context.ts", "errors.ts", "contract", "gen/policy"];

/**
 * Which room of `src` may import which (design: a request walks edge, rest, services, upstream, and no stage knows the
 * others, services aside, which call upstream). A room that is not here may import nothing and be imported by nobody:
 * write it down when you build it. `gen` is one room a package, because the transcoder (rest) and the edge know nothing
 * of DevMatch: they could serve any contract.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  // The stages.
  edge: [...REQUEST, "admission", "identity", "telemetry"],
  rest: [...REQUEST, "gen/google"],
  // The transcoder's neighbour, for clients that speak the rpc protocols.
  rpc: [...REQUEST, "gen/google"],
  services: [...REQUEST, "identity", "upstream", "telemetry", "gen/gateway", "gen/platform", "version.ts"],
  upstream: [...REQUEST, "telemetry", "gen/platform", "gen/grpc"],
  // What they stand on. No stage is in these rows.
  telemetry: ["version.ts"],
  contract: ["errors.ts", "gen/policy", "gen/google"],
  admission: ["identity", "telemetry"],
  // A key that cannot be used is a mistake of configuration, and nobody knows before it is imported.
  identity: ["config", "context.ts", "contract", "gen/policy"],
  "context.ts": ["errors.ts", "gen/policy"],
  "errors.ts": [],
  "version.ts": [],
  // What the outside tells the gateway: of upstream, the list of services and no call.
  "config.ts": ["admission", "config", "telemetry", "upstream"],
  config: ["admission"],
  // Redis and what is kept in it. It answers to ports, as a runtime does, on any runtime.
  store: ["admission", "contract", "errors.ts", "identity", "telemetry", "upstream"],
  "ports.ts": ["store", "telemetry", "upstream"],
  // What the gateway is put together from, a part a file. It knows no way of a request.
  parts: ["admission", "config.ts", "edge", "identity", "ports.ts", "services", "store", "telemetry", "upstream"],
  // The one page that knows all stages.
  "gateway.ts": [
    "admission",
    "config.ts",
    "context.ts",
    "contract",
    "edge",
    "errors.ts",
    "gen/gateway",
    "parts",
    "ports.ts",
    "rest",
    "rpc",
    "services",
    "upstream",
  ],
  // What stands in for a gateway that cannot be built.
  "refusing-gateway.ts": ["edge", "errors.ts", "gateway.ts"],
  // A runtime answers to the ports. It knows the gateway as a whole and no stage but the edge of upstream: transports.
  // Node's has a second program, the bridge, which passes the platform's rpcs on and so knows them and what can go wrong.
  node: [
    "config.ts",
    "config",
    "contract",
    "errors.ts",
    "gateway.ts",
    "gen/grpc",
    "gen/platform",
    "identity",
    "ports.ts",
    "store",
    "telemetry",
    "upstream",
  ],
  workers: [
    "config.ts",
    "config",
    "errors.ts",
    "gateway.ts",
    "identity",
    "ports.ts",
    "refusing-gateway.ts",
    "store",
    "telemetry",
    "upstream",
  ],
};

/** Rooms that know a runtime, and the packages that are one. All others run anywhere. */
const RUNTIMES: Readonly<Record<string, RegExp>> = {
  node: /^(?:node:|@hono\/node-server$|@connectrpc\/connect-node$|ioredis$)/,
  workers: /^cloudflare:/,
};

/** Packages that run anywhere. One that is not here is a runtime's, until somebody has looked. */
const RUN_ANYWHERE =
  /^(?:@bufbuild\/protobuf(?:\/(?:reflect|wire|wkt))?|@connectrpc\/connect(?:\/protocol(?:-connect|-grpc|-grpc-web)?)?|hono(?:\/hono-base|\/router\/trie-router)?|jose(?:\/errors)?)$/;

interface Import {
  readonly file: string;
  readonly room: string;
  readonly specifier: string;
}

const IMPORT = /(?:\bfrom|\bimport|\bimport\()\s*"([^"]+)"/g;

const IMPORTS: readonly Import[] = trackedFiles(/^src\/(?!gen\/).*\.ts$/).flatMap((file) =>
  [...readTracked(file).matchAll(IMPORT)].map(([, specifier]) => ({ file, room: roomOf(file), specifier: specifier! })),
);

/** `src/edge/cors.ts` is of `edge`, `src/gen/policy/v1/policy_pb.ts` of `gen/policy`, `src/config.ts` itself. */
function roomOf(file: string): string {
  const [, first = "", second = ""] = file.split("/");
  return first === "gen" ? `gen/${second}` : first;
}

function isRelative({ specifier }: Import): boolean {
  return specifier.startsWith(".");
}

test("there are imports to look at", () => {
  expect(IMPORTS.length).toBeGreaterThan(100);
});

test("data flows one way through the rooms of src", () => {
  const wrong = IMPORTS.filter(isRelative).flatMap(({ file, room, specifier }) => {
    const target = roomOf(posix.join(posix.dirname(file), specifier));
    const allowed = target === room || MAY_IMPORT[room]?.includes(target);
    return allowed ? [] : [`${file} (${room}) must not import ${specifier} (${target})`];
  });
  expect(wrong).toEqual([]);
});

test("every room is in the table, and the table has no room that is not there", () => {
  const rooms = new Set(trackedFiles(/^src\/(?!gen\/).*\.ts$/).map(roomOf));
  expect([...rooms].toSorted()).toEqual(Object.keys(MAY_IMPORT).toSorted());
});

test("src names its own files by relative paths, so that a bundler needs no map", () => {
  expect(IMPORTS.filter(({ specifier }) => specifier.startsWith("#"))).toEqual([]);
});

describe("runtimes", () => {
  test("are known in their own folders only", () => {
    const wrong = IMPORTS.filter((each) => !isRelative(each)).flatMap(({ file, room, specifier }) => {
      const allowed = RUN_ANYWHERE.test(specifier) || RUNTIMES[room]?.test(specifier);
      return allowed ? [] : [`${file} must not import ${specifier}: nothing outside of a runtime's folder does`];
    });
    expect(wrong).toEqual([]);
  });

  test("do not know each other", () => {
    const rooms = Object.keys(RUNTIMES);
    for (const room of rooms) {
      expect(MAY_IMPORT[room]?.filter((each) => rooms.includes(each) || each === "workers")).toEqual([]);
    }
  });
});

describe("the table itself keeps the design", () => {
  const STAGES = ["edge", "rest", "rpc", "services", "upstream"];

  test("only gateway.ts knows all stages", () => {
    const knowsAll = Object.keys(MAY_IMPORT).filter((room) =>
      STAGES.every((stage) => stage === room || MAY_IMPORT[room]?.includes(stage)),
    );
    expect(knowsAll).toEqual(["gateway.ts"]);
  });

  test("no stage knows one before it, and none but services one after it", () => {
    const known = STAGES.map((stage) => MAY_IMPORT[stage]?.filter((each) => STAGES.includes(each)));
    expect(known).toEqual([[], [], [], ["upstream"], []]);
  });

  test("the edge and the transcoder know nothing of DevMatch", () => {
    for (const stage of ["edge", "rest", "rpc"]) {
      expect(MAY_IMPORT[stage]?.filter((each) => /^gen\/(?:gateway|platform)$/.test(each))).toEqual([]);
    }
  });
});
