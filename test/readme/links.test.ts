import { expect, test } from "vitest";
import { readTracked, trackedFiles } from "../rules/tracked-files.ts";

const everything = trackedFiles(/./);
const pages = trackedFiles(/\.md$/);

test.each(pages)("every link of %s leads to something", (page) => {
  const links = [...withoutFences(readTracked(page)).matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link]) => link!);
  expect(links.filter((link) => !leadsSomewhere(page, link))).toEqual([]);
});

test("every page can be found from the README", () => {
  const readme = readTracked("README.md");
  expect(pages.filter((page) => page !== "README.md" && !readme.includes(`](${page})`))).toEqual([]);
});

function leadsSomewhere(page: string, link: string): boolean {
  const { pathname, hash } = new URL(link, `file:///${page}`);
  const target = pathname.slice(1);
  const exists = everything.some((name) => name === target || name.startsWith(`${target}/`));
  return exists && (hash === "" || anchorsOf(readTracked(target)).includes(hash.slice(1)));
}

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(text: string): string[] {
  const headings = [...withoutFences(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}

function withoutFences(text: string): string {
  return text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");
}
