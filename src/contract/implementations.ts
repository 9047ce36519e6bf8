import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { rpcName } from "./policy.ts";

/** The implementation of each service, as for Connect's router. */
export type Implementations = ReadonlyMap<DescService, object>;

/** One rpc of an implementation. What it answers is a promise or, for a stream, an iterable. */
export type ImplementationCall = (request: Message, context: HandlerContext) => unknown;

/** An rpc that the contract has and nobody wrote. It stops the start. */
export class MissingImplementation extends Error {
  override name = "MissingImplementation";
}

/** Finds the implementation of an rpc. Throws where there is none, so that its absence stops the start. */
export function implementationOf(rpc: DescMethod, implementations: Implementations): ImplementationCall {
  const service = implementations.get(rpc.parent) as Record<string, ImplementationCall> | undefined;
  if (service?.[rpc.localName] === undefined) throw new MissingImplementation(`${rpcName(rpc)} has no implementation`);
  // Through the service, so that an implementation may be a class.
  return (request, context) => service[rpc.localName]!(request, context);
}
