/** The query of each link of a page, by its relation. Every reference is relative, to the path of the list itself. */
export function pageLinks(headers: Headers, path: string): Record<string, string> {
  const entries = headers
    .get("link")!
    .split(", ")
    .map((link) => {
      const [, target, query, rel] = /^<([^?>]*)(\?[^>]*)>; rel="([a-z]+)"$/.exec(link)!;
      if (target !== path) throw new Error(`${link} is about another list than ${path}`);
      return [rel, query];
    });
  return Object.fromEntries(entries);
}
