/**
 * The words that JavaScript engines make their messages of. None of them is a secret, whoever wrote it and wherever it
 * stands.
 */
const WORDS = new Set(
  `a abort aborted access accessor already an and are argument array arrow as assign assignment async at await bad be
  before between bigint body boolean buffer but call callback called cannot change circular class closed code connection
  constant construct constructor convert converting could create date declared define defined delete deleted detached does
  duplicate element empty end error exceeded exception exist expected extensible failed fetch field file finite first for
  found from function generator get getter has header in index infinity initialization input instance instanceof integer
  invalid invoked is it iterable iterator json key length limit locked lost map match max maximum memory message method
  missing mix mixed module must name nan negative network new no non nonnegative not null number object of on one only open
  operation or out outside own parameter parse permission position positive promise properties property prototype proxy
  range read readable reading receiver recursion redefine redirect reference regular rejected response request required
  resolved resolver response result returned run running set setter setting signal size spread stack start state static
  stream string structure super symbol syntax target terminated than that the this time timeout to token too trap tried
  type types undefined unexpected unhandled unknown unreachable url used using valid value was weak when which while with
  without worker writable write you`.split(/\s+/),
);

const MAX_LENGTH = 200;

/**
 * A message in plain words: each that is not an engine's own is left out. A list of what to strike out would always lack
 * something, since a message can quote anything: the body that is no JSON, the address with its password, a person's
 * name. What is left tells kinds of errors apart; the whole message is in the log, under the request's id.
 */
export function plainWords(message: string): string {
  const words = message.slice(0, 10 * MAX_LENGTH).match(/[^\s]+/g) ?? [];
  const plain = words.map((word) => {
    const bare = word.replace(/^[("'`[]+|[)"'`\].,:;!?]+$/g, "");
    return WORDS.has(bare.toLowerCase()) ? bare : "…";
  });
  return plain
    .join(" ")
    .replace(/…(?: …)+/g, "…")
    .slice(0, MAX_LENGTH);
}
