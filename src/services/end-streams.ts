import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ImplementationCall, Implementations } from "../contract/implementations.ts";
import { GatewayError } from "../errors.ts";

/** Seconds after which another instance has taken over. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Makes every stream end when the process is about to: with SERVICE_UNAVAILABLE as its last word, so that a client knows
 * that it may come again. A server that only closes would wait for a stream for ever, and one that cuts it shows its client
 * a broken connection. One place for REST and the rpc protocols, which both take the implementations from here.
 */
export function endStreamsOn(stopping: AbortSignal, implementations: Implementations): Implementations {
  const streaming = ({ methodKind }: DescMethod) => methodKind === "server_streaming";
  return new Map(
    [...implementations].map(([service, implementation]) =>
      service.methods.some(streaming)
        ? [service, withEndingStreams(service, implementation as Calls, stopping)]
        : [service, implementation],
    ),
  );
}

type Calls = Readonly<Record<string, ImplementationCall>>;

function withEndingStreams({ methods }: DescService, implementation: Calls, stopping: AbortSignal): Calls {
  const calls = methods.flatMap(({ methodKind, localName }): [string, ImplementationCall][] => {
    if (implementation[localName] === undefined) return [];
    const call: ImplementationCall = (request, context) => implementation[localName]!(request, context);
    if (methodKind !== "server_streaming") return [[localName, call]];
    return [
      [localName, (request, context) => untilStopping(call(request, context) as AsyncIterable<unknown>, stopping)],
    ];
  });
  return Object.fromEntries(calls);
}

async function* untilStopping(messages: AsyncIterable<unknown>, stopping: AbortSignal): AsyncGenerator<unknown> {
  const iterator = messages[Symbol.asyncIterator]();
  let stopWaiting = () => {};
  const onStop = () => stopWaiting();
  stopping.addEventListener("abort", onStop);
  // No Promise.race with one promise for the stop: it would remember every message of a stream that lasts for days.
  const next = () =>
    new Promise<IteratorResult<unknown>>((resolve, reject) => {
      stopWaiting = () => reject(stoppingError());
      if (stopping.aborted) stopWaiting();
      else iterator.next().then(resolve, reject);
    });
  try {
    for (let result = await next(); !result.done; result = await next()) yield result.value;
  } finally {
    stopping.removeEventListener("abort", onStop);
    // Not awaited: it comes to its end only when whatever it waits for speaks. What fails in that has no reader any more.
    iterator.return?.().catch(() => {});
  }
}

function stoppingError(): GatewayError {
  const options = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new GatewayError("SERVICE_UNAVAILABLE", "The gateway is stopping: connect again.", options);
}
