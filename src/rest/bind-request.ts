import { create, type DescField, type Message } from "@bufbuild/protobuf";
import { type PartialUpdate, partialUpdate } from "../contract/partial-update.ts";
import { type PartialRules, requestRules } from "../contract/request-rules.ts";
import {
  type FieldPath,
  type Finding,
  formatPath,
  type Naming,
  overlap,
  toViolations,
  Violations,
} from "../contract/violations.ts";
import { validationError } from "../errors.ts";
import { bodyBinder } from "./bind-body.ts";
import { type PathValues, pathBinder } from "./bind-path.ts";
import { queryBinder } from "./bind-query.ts";
import { isWellKnown } from "./field-values.ts";
import { type HeldFields, type Hold, holdFields, isHeld } from "./held-fields.ts";
import type { BodyBinding, HttpBinding } from "./http-binding.ts";
import type { AnyMessage } from "./message-fields.ts";
import { completeMask } from "./update-mask.ts";

/** What a matched request brings to its binding. */
export interface BindInput {
  /** One for each of the template's variables, decoded; undefined is malformed percent-encoding. */
  readonly pathValues: PathValues;
  /** As it was sent, without the question mark. */
  readonly query: string;
  readonly body: Uint8Array | undefined;
  /** The content type of the body, for google.api.HttpBody. That it is JSON otherwise has been seen to. */
  readonly contentType: string | undefined;
  /** The header Last-Event-ID, for a stream of events. */
  readonly lastEventId?: string | undefined;
}

/** The request message as far as it could be filled, and what was wrong. */
export interface BoundRequest {
  readonly message: Message;
  readonly findings: readonly Finding[];
}

/**
 * Compiles what fills an rpc's request message from path, body and query: transcoding.md, "Building the request
 * message". A partial update's mask is completed, too. Throws an Error for a binding that cannot work.
 */
export function compileBinder(binding: HttpBinding): (input: BindInput) => BoundRequest {
  const { rpc, template, body } = binding;
  if (isWellKnown(rpc.input)) throw new Error(`${rpc.input} has no fields to fill, and cannot be a request`);
  const pathHeld = pathFields(binding);
  const bindPath = pathBinder(rpc.input, template.variables);
  const bindBody = bodyBinder(binding, pathHeld);
  const bindQuery = queryBinder(rpc.input, body.kind === "message" ? "nothing" : queryHeld(body, pathHeld));
  const partial = partialOf(binding);
  const finishMask = partial && completeMask(partial, pathHeld);
  const naming = bodyNaming(binding);
  const afterField = rpc.input.fields.find(({ name }) => name === binding.policy.events?.afterField);

  return (input) => {
    const message = create(rpc.input) as AnyMessage;
    const violations = new Violations(naming);
    // The path first: nothing after it may change what it has set.
    bindPath(message, input.pathValues, violations);
    const json = bindBody(message, input, violations);
    bindQuery(message, input.query, violations);
    if (input.lastEventId !== undefined && afterField !== undefined) message[afterField.localName] = input.lastEventId;
    finishMask?.(message, json, violations);
    return { message, findings: violations.findings };
  };
}

/**
 * Compiles the whole way from a matched request to a message that an implementation may trust: it is bound and
 * satisfies its field rules. Throws one VALIDATION_ERROR with everything that is wrong.
 */
export function compileRequestReader(binding: HttpBinding): (input: BindInput) => Message {
  const bind = compileBinder(binding);
  const pathHeld = pathFields(binding);
  const partial = partialOf(binding);
  const check = requestRules(binding.rpc.input, partial && partialRules(partial, pathHeld));
  const naming = clientNaming(binding, pathHeld);
  return (input) => {
    const { message, findings } = bind(input);
    const violations = new Violations(naming);
    check(message, violations);
    const broken = violations.findings.filter(({ path }) => !isExplained(path, findings, pathHeld));
    if (findings.length + broken.length > 0) throw validationError(toViolations([...findings, ...broken]));
    return message;
  };
}

/** What could not be read breaks rules that say nothing new. A body that is lost as a whole does not explain a path. */
function isExplained(path: FieldPath, findings: readonly Finding[], pathHeld: HeldFields): boolean {
  const ofPath = isHeld(pathHeld, path);
  return findings.some((finding) => overlap(finding.path, path) && !(ofPath && finding.path.length < path.length));
}

function pathFields({ rpc, template }: HttpBinding): HeldFields {
  const paths = template.variables.map((variable) => variable.fieldPath);
  return holdFields(rpc.input, paths, "path");
}

function queryHeld(body: BodyBinding, pathHeld: HeldFields): HeldFields {
  if (body.kind !== "field") return pathHeld;
  return new Map<DescField, Hold>(pathHeld).set(body.field, "body");
}

function partialOf({ rpc, policy, method, body }: HttpBinding): PartialUpdate | undefined {
  const isPartial = method === "PATCH" || policy.partial;
  return isPartial && body.kind === "field" ? partialUpdate(rpc.input, body.field.name) : undefined;
}

/** The mask has been made of the body, so an empty one means that the body names nothing. */
function partialRules(partial: PartialUpdate, pathHeld: HeldFields): PartialRules {
  const { name, message } = partial.changes;
  const changeable = message.fields.map((field) => field.name).filter((field) => !isHeld(pathHeld, [name, field]));
  return { ...partial, changeable, withoutMask: () => new Map() };
}

/** Names from the body inwards: a client that sends `{"title": ""}` knows of no `changes.title`. */
function bodyNaming({ body }: HttpBinding): Naming {
  if (body.kind !== "field") return formatPath;
  const { name } = body.field;
  return (path) => formatPath(path[0] === name ? path.slice(1) : path);
}

/** Names wherever a value came from: a path variable is called as the template calls it. */
function clientNaming(binding: HttpBinding, pathHeld: HeldFields): Naming {
  const inBody = bodyNaming(binding);
  return (path) => (isHeld(pathHeld, path) ? formatPath(path) : inBody(path));
}
