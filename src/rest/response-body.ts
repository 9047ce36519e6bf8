import type { DescField, Message } from "@bufbuild/protobuf";
import { fieldReader } from "../contract/field-reader.ts";
import type { HttpBody } from "../gen/google/api/httpbody_pb.ts";
import type { HttpBinding } from "./http-binding.ts";
import { compileFieldJsonWriter, compileJsonWriter } from "./json-writer.ts";

/** What of a response message is sent, and how. */
export type ResponseBody =
  /** JSON text. */
  | { readonly kind: "json"; write(message: Message): string }
  /** Bytes as they are: the response, or the field that is answered, is a google.api.HttpBody. No message, no bytes. */
  | { readonly kind: "raw"; read(message: Message | undefined): RawBody };

/** Bytes and what they are. */
export interface RawBody {
  readonly contentType: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Compiles what a binding answers: the whole response, or its one field `response_body`. */
export function compileResponseBody({ rpc, responseField }: HttpBinding): ResponseBody {
  if (rpc.output.typeName === HTTP_BODY && responseField === undefined) {
    return { kind: "raw", read: (message) => rawBody(message as HttpBody | undefined) };
  }
  if (responseField === undefined) return { kind: "json", write: compileJsonWriter(rpc.output, rpc.parent.file) };
  if (isHttpBody(responseField)) return { kind: "raw", read: rawFieldReader(responseField) };
  return { kind: "json", write: compileFieldJsonWriter(responseField, rpc.parent.file) };
}

const HTTP_BODY = "google.api.HttpBody";

function isHttpBody(field: DescField): boolean {
  return field.fieldKind === "message" && field.message.typeName === HTTP_BODY;
}

function rawFieldReader(field: DescField): (message: Message | undefined) => RawBody {
  const read = fieldReader(field);
  return (message) => rawBody(message === undefined ? undefined : (read(message) as HttpBody | undefined));
}

const UNKNOWN_BYTES = "application/octet-stream";

/** A media type by RFC 9110: `type/subtype`, then parameters in printable ASCII. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+[ \t]*(?:;[\t -~]*)?$/;

/**
 * An absent HttpBody is no bytes. A content type that is none is octet-stream: with a line break in it, it could end
 * the header and begin another one, and to throw would blame the gateway for it.
 */
function rawBody(body: HttpBody | undefined): RawBody {
  const contentType = body !== undefined && MEDIA_TYPE.test(body.contentType) ? body.contentType : UNKNOWN_BYTES;
  return { contentType, data: (body?.data ?? new Uint8Array()) as Uint8Array<ArrayBuffer> };
}
