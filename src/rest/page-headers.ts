import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import type { Page } from "../gen/policy/v1/policy_pb.ts";

/** The request's URL, as far as links repeat it. */
export interface RequestUrl {
  /** Percent-encoded, e.g. `/api/v1/tasks`. A slash at its end is dropped: such a path is never redirected to. */
  readonly path: string;
  /** What follows the `?`, with or without it; "" for none. */
  readonly query: string;
}

/** Makes a page's headers from the response message and the request's URL. */
export type PageHeaders = (response: Message, url: RequestUrl) => { "x-total-count": string; link: string };

/**
 * Compiles the headers of a paged list. `Link` (RFC 8288) has relative references: the gateway does not know under
 * which name a proxy serves it. `first` and `last` are always there, `prev` and `next` unless the page is the first
 * or last. The query has been bound by now, so its numbers are valid.
 */
export function compilePageHeaders({ input, output }: DescMethod, page: Page): PageHeaders {
  const limitNames = queryNames(input, page.limitField);
  const offsetNames = queryNames(input, page.offsetField);
  const totalName = output.fields.find((field) => field.name === page.totalField)!.localName;

  return (response, { path, query }) => {
    const parameters = new URLSearchParams(query);
    const limit = takeNumber(parameters, limitNames) || page.defaultLimit;
    const offset = takeNumber(parameters, offsetNames);
    const total = Math.max(0, (response as unknown as Record<string, number>)[totalName]!);
    const target = safePath(path);
    const link = ([rel, at]: readonly [string, number]): string => {
      const pageParameters = new URLSearchParams(parameters);
      pageParameters.set(page.limitField, String(limit));
      pageParameters.set(page.offsetField, String(at));
      return `<${target}?${pageParameters}>; rel="${rel}"`;
    };
    return { "x-total-count": String(total), link: pagesAround(offset, limit, total).map(link).join(", ") };
  };
}

/** The relations of a page and the offsets they stand for. An empty list has one page, and it is first and last. */
function pagesAround(offset: number, limit: number, total: number): readonly (readonly [string, number])[] {
  const last = Math.floor(Math.max(0, total - 1) / limit) * limit;
  const pages: [string, number][] = [["first", 0]];
  // Beyond the end, the way back is the last page and not another empty one.
  if (offset > 0) pages.push(["prev", Math.min(Math.max(0, offset - limit), last)]);
  if (offset + limit < total) pages.push(["next", offset + limit]);
  pages.push(["last", last]);
  return pages;
}

/** A query names a field by its proto name or its JSON name. */
function queryNames(message: DescMessage, fieldName: string): readonly string[] {
  const field = message.fields.find(({ name }) => name === fieldName)!;
  return field.name === field.jsonName ? [field.name] : [field.name, field.jsonName];
}

/** Removes a parameter and tells its value; 0 when it is not there. */
function takeNumber(parameters: URLSearchParams, names: readonly string[]): number {
  let number = 0;
  for (const name of names) {
    number ||= Number(parameters.get(name) ?? 0);
    parameters.delete(name);
  }
  return Number.isFinite(number) ? number : 0;
}

/** A header value is ASCII, and a reference ends at `>`: a path that its client did not encode is encoded here. */
function safePath(path: string): string {
  const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  return trimmed.toWellFormed().replace(/[^!-~]|[<>"\\^`{|}]/gu, encodeURIComponent);
}
