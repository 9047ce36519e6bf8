import { isMessage, type Message } from "@bufbuild/protobuf";
import { GatewayError, type Violation } from "#src/errors.ts";
import { type BindInput, compileRequestReader } from "#src/rest/bind-request.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { EverythingService } from "../gen/transcoder/v1/everything_pb.ts";
import { LibraryService } from "../gen/transcoder/v1/library_pb.ts";
import { RulesService } from "../gen/transcoder/v1/rules_pb.ts";

/** A request to a binding, told as a test likes it. What is left out was not sent. */
export interface Sent {
  readonly path?: readonly (string | undefined)[];
  readonly query?: string;
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
  /** The header Last-Event-ID. */
  readonly lastEventId?: string;
}

const BINDINGS = httpBindings([LibraryService, EverythingService, RulesService]);

/**
 * Compiles the reader of a binding of the annotated services, e.g. `readerFor("POST /v1/everything")`. It answers the
 * message, or what is wrong as one line: `title must not be blank; tags is required`.
 */
export function readerFor(route: string): (sent: Sent) => Message | string {
  const read = violationsReaderFor(route);
  return (sent) => {
    const found = read(sent);
    return isMessage(found) ? found : found.map(({ field, message }) => `${field} ${message}`.trimStart()).join("; ");
  };
}

/** The same with the violations as they are. */
export function violationsReaderFor(route: string): (sent: Sent) => Message | readonly Violation[] {
  const binding = BINDINGS.find(({ method, template }) => `${method} ${template.source}` === route);
  if (binding === undefined) throw new Error(`no binding ${route}`);
  const read = compileRequestReader(binding);
  return (sent) => {
    try {
      return read(toInput(sent));
    } catch (error) {
      return violationsOf(error);
    }
  };
}

function toInput({ path = [], query = "", body, contentType, lastEventId }: Sent): BindInput {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return { pathValues: path, query, body: bytes, contentType, lastEventId };
}

function violationsOf(error: unknown): readonly Violation[] {
  if (!(error instanceof GatewayError) || error.errorCode !== "VALIDATION_ERROR") throw error;
  return error.violations;
}
