import type { DescMessage, DescMethodServerStreaming, Message, MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { requestContextOf } from "../context.ts";
import type { CallSettings } from "../contract/call-policy.ts";
import { LONGEST_STREAM_MS, SILENT_HEAD_MS } from "../contract/stream-life.ts";
import type { Admitted } from "./breakers.ts";
import { outcomeOf } from "./call-outcome.ts";
import { createCallSlots } from "./call-slots.ts";
import { grpcCodeName } from "./grpc-code-name.ts";
import { breakerRefusal } from "./guard-with-breaker.ts";
import { busy } from "./limit-in-flight.ts";
import { metadataOf } from "./metadata.ts";
import type { MethodCounters } from "./method-counters.ts";
import { only } from "./only.ts";
import { labelOf } from "./services.ts";
import type { Outcome } from "./tally.ts";
import type { CallContext, UpstreamClientOptions } from "./upstream-client.ts";
import { toUpstreamError } from "./upstream-errors.ts";

/** Of one service. They are idle for most of their lives, but each holds a stream of the service's connection, and a client. */
const MAX_STREAMS = 1_000;
/** The service is told that much more than a stream may last: the last word is ours. */
const GRACE_MS = 10_000;

/** Opens a stream; it fails with a GatewayError and nothing else. */
export type StreamCall = (
  method: DescMethodServerStreaming,
  settings: CallSettings,
  request: MessageInitShape<DescMessage>,
  context: CallContext,
) => AsyncIterable<Message>;

/**
 * Makes the streaming calls of one service. They have the breaker and the translation of errors in common with other
 * calls, and nothing else:
 *
 * - not cached, and not made again: whoever reads knows where to go on, and asks for it;
 * - a limit of their own, so that those who listen leave the service's calls to those who ask;
 * - for the breaker a stream is judged by its beginning. One that is silent says nothing: it may be well or hang. Only a
 *   probe that has got a head, and no refusal after it, has found out enough: the service is back.
 */
export function createStreamCall(
  { service, transport, breaker, metrics, now }: UpstreamClientOptions,
  counterOf: MethodCounters<string>,
): StreamCall {
  const slots = createCallSlots({ most: MAX_STREAMS, now });
  const gauge = metrics.openStreams.labels({ service: labelOf(service) });
  const timeoutMs = LONGEST_STREAM_MS + GRACE_MS;

  const open: StreamCall = async function* (method, settings, request, { values, signal }) {
    const decision = await breaker.admit();
    if (!decision.admitted) throw breakerRefusal(service, decision.retryAfterMs);
    const judge = judgeOnce(decision);
    const leave = slots.enter(now() + timeoutMs);
    if (leave === undefined) {
      judge("neutral");
      throw busy(service);
    }
    gauge.set(slots.taken());
    let hasHead = false;
    // Were a silent probe nothing, the next would be another one, a second each: those who listen come back all at once.
    const silence = setTimeout(() => judge(decision.isProbe && hasHead ? "success" : "neutral"), SILENT_HEAD_MS);
    // Connect does not tell the service that its reader has had enough: to it, only the signal says so.
    const over = new AbortController();
    try {
      const header = metadataOf(requestContextOf(values));
      const input = only(create(method.input, request));
      const until = AbortSignal.any([signal, over.signal]);
      const answer = await transport.stream(method, until, timeoutMs, header, input, values);
      hasHead = true;
      for await (const message of answer.message) {
        judge("success");
        yield message as Message;
      }
      judge("success");
    } catch (error) {
      const failure = toUpstreamError(error, { service, settings, signal });
      judge(outcomeOf(failure, false));
      throw failure;
    } finally {
      clearTimeout(silence);
      over.abort();
      judge("neutral");
      leave();
      gauge.set(slots.taken());
    }
  };

  return async function* (method, ...rest) {
    // Of one whose reader stops reading nothing else is heard.
    let status = "CANCELLED";
    try {
      yield* open(method, ...rest);
      status = "OK";
    } catch (error) {
      status = grpcCodeName(error);
      throw error;
    } finally {
      counterOf({ service, method }, status).inc();
    }
  };
}

/** The first verdict counts: a breaker hears of each permit once. */
function judgeOnce({ report }: Admitted): (outcome: Outcome) => void {
  let judged = false;
  return (outcome) => {
    if (judged) return;
    judged = true;
    report(outcome);
  };
}
