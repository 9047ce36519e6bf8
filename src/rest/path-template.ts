/** One segment of a template: a literal, exactly one segment (`*`), or zero or more (`**`, always the last). */
export type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "many" };

/** A variable and the segments that it captures. */
export interface PathVariable {
  /** Proto field names, from the request message inwards. */
  readonly fieldPath: readonly string[];
  /** The first segment that it captures. */
  readonly start: number;
  /** The segment after the last one that it captures; undefined when it ends with `**`. */
  readonly end: number | undefined;
  /** More than one segment by its template: `%2F` inside is then kept as it is. */
  readonly multiSegment: boolean;
  /** 1-based column in the template, for messages. */
  readonly column: number;
}

/** A parsed `google.api.http` path template. */
export interface PathTemplate {
  /** As it stands in the `.proto`; the route label in metrics and logs. */
  readonly source: string;
  readonly segments: readonly Segment[];
  readonly variables: readonly PathVariable[];
  /** What follows the last `:`, without it; "" for none. */
  readonly verb: string;
}
