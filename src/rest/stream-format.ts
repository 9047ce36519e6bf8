/** The formats of a stream of JSON messages, and how `Accept` chooses one. */

/** How messages become the text of a body. Only the last frame may carry a problem, and never the first. */
export interface StreamFormat {
  readonly contentType: string;
  /** Before the first frame. */
  readonly open: string;
  /** Between two frames. */
  readonly separator: string;
  /** After the last frame. */
  readonly close: string;
  /** Read as it comes, so a proxy must not collect it first. */
  readonly live: boolean;
  frame(json: string): string;
  problem(json: string): string;
}

/** Valid JSON to its end, even when it ends with a problem. */
const JSON_ARRAY: StreamFormat = {
  contentType: "application/json",
  open: "[",
  separator: ",",
  close: "]",
  live: false,
  frame: (json) => json,
  problem: (json) => `{"error":${json}}`,
};

const NDJSON: StreamFormat = {
  contentType: "application/x-ndjson",
  open: "",
  separator: "",
  close: "",
  live: true,
  frame: (json) => `${json}\n`,
  problem: (json) => `{"error":${json}}\n`,
};

/** A frame is one `data` line: JSON text has its line breaks escaped, so there is nothing to split. */
const SERVER_SENT_EVENTS: StreamFormat = {
  contentType: "text/event-stream",
  open: "",
  separator: "",
  close: "",
  live: true,
  frame: (json) => `data: ${json}\n\n`,
  problem: (json) => `event: error\ndata: ${json}\n\n`,
};

/** In order of preference: of formats that a client likes equally, every client can read the first. */
const FORMATS = [JSON_ARRAY, NDJSON, SERVER_SENT_EVENTS];

/**
 * The format that an Accept header likes best, RFC 9110 section 12.5.1: for each format the most specific range
 * counts; of equal weights the format that is named beats one that `*` covers. A header that accepts none of them gets
 * the array: an answer that the client may be able to read is worth more than a 406.
 */
export function streamFormatFor(accept: string | null): StreamFormat {
  if (accept === null) return JSON_ARRAY;
  const ranges = accept.split(",").map(parseRange);
  let best = JSON_ARRAY;
  let bestScore = 0;
  for (const format of FORMATS) {
    const score = scoreOf(format.contentType, ranges);
    if (score > bestScore) {
      best = format;
      bestScore = score;
    }
  }
  return best;
}

interface MediaRange {
  readonly type: string;
  readonly weight: number;
}

function parseRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  const weight = q === undefined ? 1 : Number(q.slice(2));
  // A weight that is no number says nothing, and nothing means 1.
  return { type, weight: Number.isNaN(weight) ? 1 : Math.min(Math.max(weight, 0), 1) };
}

/** Weights have three decimals, so a thousandth of one leaves room for how specific the range is. */
const SPECIFICITY = 0.0001;

/** 0 for what is refused or not mentioned. */
function scoreOf(contentType: string, ranges: readonly MediaRange[]): number {
  const patterns = [contentType, `${contentType.slice(0, contentType.indexOf("/"))}/*`, "*/*"];
  for (const [index, pattern] of patterns.entries()) {
    const weights = ranges.filter(({ type }) => type === pattern).map(({ weight }) => weight);
    const weight = Math.max(...weights);
    if (weights.length > 0) return weight === 0 ? 0 : weight + (patterns.length - index) * SPECIFICITY;
  }
  return 0;
}
