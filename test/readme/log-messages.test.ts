import { expect, test } from "vitest";
import { readTracked, trackedFiles } from "../rules/tracked-files.ts";

/** Messages that are put together, and how the page writes them. */
const MADE: Readonly<Record<string, string>> = { "the circuit breaker is ${to}": "the circuit breaker is …" };

test("docs/operation.md explains every message that the log can have, and no other", () => {
  const calls = trackedFiles(/^src\/(?!gen\/).*\.ts$/).flatMap((file) => [
    ...readTracked(file).matchAll(
      /\blogger\.log\(((?:[^(),"`]|\([^()]*\)|"[^"]*")+),\s*(?:"([^"]+)"|`([^`]+)`|(\w+))/g,
    ),
  ]);
  const messages = calls.map(([, , text, made, name]) => text ?? (made && (MADE[made] ?? made)) ?? name!);
  const page = readTracked("docs/operation.md");
  const table = page.slice(page.indexOf("| message |"), page.indexOf("## Metrics"));
  const cells = [...table.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`([^`]+)`/g)]);
  const explained = cells.map(([, message]) => message!);

  // What nobody caught is logged under the name of Node's event; `request` has a table of its own.
  const written = new Set(messages.filter((message) => message !== "event" && message !== "request"));
  const events = ["uncaughtException", "unhandledRejection"];
  expect(explained.toSorted()).toEqual([...written, ...events].toSorted());
});
