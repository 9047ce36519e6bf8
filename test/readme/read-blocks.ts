import { readFileSync } from "node:fs";

/** A fenced block of the README: ```` ```sh walk ```` has the language `sh` and the tag `walk`. */
export interface Block {
  readonly language: string;
  readonly tag: string;
  readonly text: string;
}

/** The README's fenced blocks in their order, without the indentation of the list that they may stand in. */
export function readmeBlocks(): readonly Block[] {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const fences = readme.matchAll(/^( *)```(\w+) ?(\w*)\n([\s\S]*?)^\1```$/gm);
  return [...fences].map(([, indent = "", language = "", tag = "", text = ""]) => ({
    language,
    tag,
    text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** The one block with this tag. */
export function readmeBlock(tag: string): string {
  const found = readmeBlocks().filter((block) => block.tag === tag);
  if (found.length !== 1) throw new Error(`the README has ${found.length} blocks tagged ${tag}`);
  return found[0]!.text;
}
