import { plainWords } from "./plain-words.ts";

/** One error of a chain, thrown or its cause, in the shape of Sentry's exception interface. */
export interface ErrorValue {
  readonly type: string;
  readonly value: string;
  readonly stacktrace?: { readonly frames: readonly StackFrame[] };
}

export interface StackFrame {
  readonly function?: string;
  readonly filename: string;
  readonly lineno: number;
  readonly colno: number;
  readonly in_app: boolean;
}

/** A cause may refer to itself. */
const MAX_CAUSES = 3;
const MAX_FRAMES = 30;

/**
 * What may leave the house of anything that was thrown: its class, where it was thrown, and its message in plain words,
 * the same of its causes; the cause before its consequence, as Sentry wants it. Never throws: anything can be thrown,
 * also what does not let itself be read.
 */
export function describeChain(thrown: unknown): readonly ErrorValue[] {
  const values: ErrorValue[] = [];
  let each: unknown = thrown;
  while (values.length <= MAX_CAUSES) {
    try {
      values.unshift(describe(each));
      if (!(each instanceof Error) || each.cause === undefined) break;
      each = each.cause;
    } catch {
      values.unshift({ type: "Unreadable", value: "" });
      break;
    }
  }
  return values;
}

function describe(thrown: unknown): ErrorValue {
  if (!(thrown instanceof Error)) return { type: `thrown ${typeof thrown}`, value: "" };
  const message = String(thrown.message);
  const frames = framesOf(String(thrown.stack), message);
  return {
    type: className(String(thrown.name)),
    value: plainWords(message),
    ...(frames.length > 0 && { stacktrace: { frames } }),
  };
}

function className(name: string): string {
  return /^[A-Z]\w{0,60}(?:Error|Exception)$/.test(name) ? name : "Error";
}

/** As V8 writes it, in Node and in workerd: `at async work (file:///srv/src/gateway.ts:10:5)`, `at node:net:1:2`. */
const FRAME =
  /^\s*at (?:(?:async )?((?:new )?[\w$.<>]{1,100})[^(]*\()?(?:async )?([^()]{1,300}):(\d{1,9}):(\d{1,9})\)?$/;

/** The places of a stack. It begins with the message, which may have lines that look like places and are none. */
function framesOf(stack: string, message: string): readonly StackFrame[] {
  const start = message === "" ? 0 : stack.indexOf(message) + message.length;
  // The message was changed after the throw: nobody can tell where the places begin.
  if (start < message.length) return [];
  const frames = stack
    .slice(start)
    .split("\n")
    .flatMap((line): readonly StackFrame[] => {
      const [, name, place = "", lineno, colno] = FRAME.exec(line) ?? [];
      if (place === "") return [];
      const filename = withinProject(place);
      const where = { filename, lineno: Number(lineno), colno: Number(colno), in_app: isOurs(filename) };
      return [name === undefined ? where : { function: name, ...where }];
    });
  // The place that threw stands last.
  return frames.slice(0, MAX_FRAMES).toReversed();
}

/** The file without the machine's own folders, so that the same error of two machines is the same. */
function withinProject(place: string): string {
  const [path = ""] = place.replace(/^file:\/\//, "").split("?");
  return path.replace(/^.*\/(?=(?:src|node_modules)\/)/, "").slice(-200);
}

function isOurs(filename: string): boolean {
  return !/^(?:node_modules\/|node:)/.test(filename);
}
