import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readVariables } from "../support/read-variables.ts";

test("the README's table names exactly the variables that the gateway reads", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const section = readme.slice(readme.indexOf("## Configuration"), readme.indexOf("## Operation"));
  const firstCells = [...section.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell!);
  const named = firstCells.flatMap((cell) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name));

  expect(named.toSorted()).toEqual([...readVariables({ protocol: "grpc" })].toSorted());
});
