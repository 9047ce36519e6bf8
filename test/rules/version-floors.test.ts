import { expect, test } from "vitest";
import { linesThatMatch, readTracked } from "./tracked-files.ts";

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly engines?: { node?: string } }>>;
}

const { packages }: LockFile = JSON.parse(readTracked("package-lock.json"));

/** Below these, defects are known that a stranger can use, or that end the process. A floor only ever rises. */
const FLOORS: readonly (readonly [name: string, floor: string, because: string])[] = [
  [
    "hono",
    "4.13.5",
    "three advisories, after those of 4.9 to 4.12: GHSA-gqvv-2mrq-wpjv, -g6gw-c38x-mqfc, -crvj-82cr-hjcx",
  ],
  ["@hono/node-server", "2.0.10", "requests that were cut off or joined wrongly"],
  ["jose", "6.2.0", "what was tried: its leniencies are known, and checked beside it"],
  ["@connectrpc/connect", "2.2.0", "GOAWAY and connections that hang: connect-es 1746"],
  ["@connectrpc/connect-node", "2.2.0", "the same"],
  ["@upstash/redis", "1.39.0", "what was tried: its retries and its abort signal"],
  ["node", "24.14.1", "CVE-2026-21637, -21710, -21714, -21717"],
];

test.each(FLOORS)("%s is at least %s: %s", (name, floor) => {
  const installed = versionsOf(name);
  expect(installed).not.toEqual([]);
  expect(installed.filter((version) => isBelow(version, floor))).toEqual([]);
});

test("@upstash/ratelimit is 2.0.8 and no later: its scripts do not run on plain Redis from 2.1.0 on", () => {
  expect(versionsOf("@upstash/ratelimit")).toEqual(["2.0.8"]);
});

test("package.json asks for the Node that is the floor", () => {
  const [, floor] = FLOORS.find(([name]) => name === "node")!;
  expect(packages[""]?.engines?.node).toBe(`>=${floor}`);
});

test("nothing decrypts tokens: every advisory of jose so far was about that", () => {
  expect(linesThatMatch(/^(?:src|platform)\/.*\.ts$/, /\b\w*(?:jwt|compact|flattened|general)Decrypt\b/)).toEqual([]);
});

/** Every version of a package in the lockfile, nested ones included. */
function versionsOf(name: string): readonly string[] {
  return Object.entries(packages)
    .filter(([path]) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`))
    .map(([, { version = "" }]) => version);
}

function isBelow(version: string, floor: string): boolean {
  const [ours, theirs] = [numbersOf(version), numbersOf(floor)];
  const at = ours.findIndex((number, index) => number !== theirs[index]);
  return at >= 0 && ours[at]! < theirs[at]!;
}

function numbersOf(version: string): readonly number[] {
  const parts = /^(\d+)\.(\d+)\.(\d+)$/.exec(version);
  if (parts === null) throw new Error(`no plain version: ${version}`);
  return parts.slice(1).map(Number);
}
