import type { DescField, DescMethod } from "@bufbuild/protobuf";
import type { RpcPolicy } from "../contract/policy.ts";
import type { PathTemplate } from "./path-template.ts";

/** Where the request's body goes. */
export type BodyBinding =
  /** No body is read. What is not in the path comes from the query. */
  | { readonly kind: "none" }
  /** The body is the message, less what is in the path. Nothing comes from the query. */
  | { readonly kind: "message" }
  /** The body is one field. What is neither it nor in the path comes from the query. */
  | { readonly kind: "field"; readonly field: DescField };

/** One way to reach an rpc over HTTP: an HttpRule or one of its additional bindings, checked. */
export interface HttpBinding {
  readonly rpc: DescMethod;
  readonly policy: RpcPolicy;
  /** The method in upper case, or `*` for any. */
  readonly method: string;
  readonly template: PathTemplate;
  readonly body: BodyBinding;
  /** The one field of the response that is answered; undefined answers the whole message. */
  readonly responseField: DescField | undefined;
}
