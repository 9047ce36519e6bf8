import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadConfig } from "#src/config.ts";

test("the README's table names exactly the variables that the gateway reads", () => {
  const read = new Set<string>();
  const env = new Proxy<Record<string, string>>(
    { JWT_SECRET: "q7Tz!mW2vR9xLp4KdY8sBn3Hf6JcGa1E" },
    {
      get: (target, name) => {
        read.add(String(name));
        return target[String(name)];
      },
    },
  );
  loadConfig(env, { protocol: "grpc" });

  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const section = readme.slice(readme.indexOf("## Configuration"), readme.indexOf("## Operation"));
  const firstCells = [...section.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell!);
  const named = firstCells.flatMap((cell) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name));

  expect(named.toSorted()).toEqual([...read].toSorted());
});
