import { describe, expect, test } from "vitest";
import { VERSION } from "#src/version.ts";
import { linesThatMatch, readTracked, trackedFiles } from "./tracked-files.ts";

interface PackageFile {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly overrides?: Record<string, string>;
}

interface LockFile extends PackageFile {
  readonly packages: Readonly<
    Record<string, PackageFile & { readonly resolved?: string; readonly integrity?: string }>
  >;
}

const OUR_TYPESCRIPT = /^(?:src|test|platform|scripts|bench|drills)\/(?!gen\/).*\.[cm]?[jt]sx?$/;
const packageFile: PackageFile = JSON.parse(readTracked("package.json"));
const lockFile: LockFile = JSON.parse(readTracked("package-lock.json"));

describe("files", () => {
  test("have names in kebab-case, ending in what they are: request-id.ts, request-id.test.ts", () => {
    const names = trackedFiles(OUR_TYPESCRIPT);
    expect(names.length).toBeGreaterThan(100);
    expect(
      names.filter((name) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)+[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*\.ts$/.test(name)),
    ).toEqual([]);
  });

  test("name no place on somebody's machine", () => {
    const binary = /\.(?:png|ico|woff2?)$/;
    const places = linesThatMatch(
      new RegExp(`^(?!.*${binary.source})`),
      /(?:^|[\s"'`(=:,])(?:file:\/\/)?\/(?:home|root|work|Users)\/|[A-Z]:\\Users\\/,
    );
    expect(places).toEqual([]);
  });
});

describe("code", () => {
  test("writes no log but the logger's", () => {
    const files = /^(?:src|platform)\/(?!gen\/|workers\/write-log\.ts$).*\.ts$/;
    expect(linesThatMatch(files, /\bconsole\s*\./)).toEqual([]);
  });

  test("has no test that is left out, singled out or yet to be written", () => {
    expect(linesThatMatch(/^test\/.*\.ts$/, /\b(?:test|it|describe|suite|bench)\s*\.\s*(?:only|skip|todo)\b/)).toEqual(
      [],
    );
    expect(linesThatMatch(/^test\/.*\.ts$/, /\b(?:xit|xtest|xdescribe|fit|fdescribe)\s*\(/)).toEqual([]);
  });
});

describe("the package", () => {
  test("has one version: in package.json, in the lockfile, and in what /health answers", () => {
    expect([lockFile.version, lockFile.packages[""]?.version, VERSION]).toEqual(Array(3).fill(packageFile.version));
  });

  test("depends on exact versions, so that every machine has the same", () => {
    const all = { ...packageFile.dependencies, ...packageFile.devDependencies, ...packageFile.overrides };
    const ranges = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version));
    expect(ranges).toEqual([]);
  });

  test("locks what package.json asks for", () => {
    const { dependencies, devDependencies } = lockFile.packages[""]!;
    expect({ dependencies, devDependencies }).toEqual({
      dependencies: packageFile.dependencies,
      devDependencies: packageFile.devDependencies,
    });
  });

  test("has a lockfile that names no registry, and the hash of everything", () => {
    const packages = Object.entries(lockFile.packages).filter(([name]) => name !== "");
    expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name)).toEqual([]);
    expect(packages.filter(([, { integrity }]) => integrity === undefined).map(([name]) => name)).toEqual([]);
    expect(linesThatMatch(/(?:^|\/)\.npmrc$/, /^\s*(?:\S+:)?registry\s*=|_auth/)).toEqual([]);
  });
});
