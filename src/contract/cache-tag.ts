import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { fieldReader } from "./field-reader.ts";
import { PolicyError } from "./policy.ts";

/** Makes one tag of a call's messages. */
export interface TagTemplate {
  /** As it stands in the policy, e.g. `task:{task_id}`. */
  readonly source: string;
  /**
   * Undefined where a field that it needs is not set, or its message is not there: a call that failed has no response.
   * Only the templates of a write need a `response`.
   */
  tagOf(request: Message, response?: Message): string | undefined;
}

/** Reads one field of a call's messages as text. */
type Part = (request: Message, response: Message | undefined) => string | undefined;

const FIELD = /\{([^{}]*)\}/;

/**
 * Compiles a tag's template: text with fields in braces. A field is looked for in the request, and where `side` allows
 * it, then in the response; it may be a path through messages (`proposal.task_id`), and must end at a string.
 */
export function compileTag(method: DescMethod, source: string, side: "request" | "both"): TagTemplate {
  // Text and field names in turn.
  const pieces = source.split(FIELD);
  if (source === "" || pieces.some((piece, index) => index % 2 === 0 && /[{}]/.test(piece))) {
    throw new PolicyError(method, `has a tag that cannot be read: "${source}"`);
  }
  const parts = pieces.map((piece, index): Part => {
    return index % 2 === 0 ? () => piece : compileField(method, piece, source, side);
  });
  return {
    source,
    tagOf(request, response) {
      const texts = parts.map((part) => part(request, response));
      return texts.includes(undefined) ? undefined : texts.join("");
    },
  };
}

function compileField(method: DescMethod, path: string, source: string, side: "request" | "both"): Part {
  const ofRequest = compilePath(method.input, path);
  if (ofRequest !== undefined) return (request) => ofRequest(request);
  const ofResponse = side === "both" ? compilePath(method.output, path) : undefined;
  if (ofResponse !== undefined) return (_request, response) => response && ofResponse(response);
  const messages = side === "both" ? `${method.input.typeName} or ${method.output.typeName}` : method.input.typeName;
  throw new PolicyError(method, `has the tag "${source}", but "${path}" is no string field of ${messages}`);
}

/** Undefined where the path leads to no string. */
function compilePath(message: DescMessage, path: string): ((message: Message) => string | undefined) | undefined {
  const [name, ...rest] = path.split(".");
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field === undefined) return undefined;
  const read = fieldReader(field);
  if (rest.length === 0) {
    const isString = field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
    return isString ? (owner) => read(owner) as string | undefined : undefined;
  }
  if (field.fieldKind !== "message") return undefined;
  const further = compilePath(field.message, rest.join("."));
  return (
    further &&
    ((owner) => {
      const inner = read(owner) as Message | undefined;
      return inner && further(inner);
    })
  );
}
