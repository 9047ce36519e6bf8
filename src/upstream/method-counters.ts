import type { DescMethod } from "@bufbuild/protobuf";
import type { Counter } from "../telemetry/metrics.ts";
import type { Call } from "./call.ts";
import { labelOf } from "./services.ts";

/** What of a call a counter is of. */
interface CountedCall extends Pick<Call, "service"> {
  readonly method: DescMethod;
}

interface MethodLabels {
  readonly service: string;
  readonly method: string;
}

/** Finds the counter of a method and of how its call ended. */
export type MethodCounters<Ending extends string> = (call: CountedCall, ending: Ending) => Counter;

/**
 * Makes that. There are few counters: each is made with its first call and then kept, so that no call makes the text of
 * the labels.
 */
export function createMethodCounters<Ending extends string>(
  counterOf: (labels: MethodLabels, ending: Ending) => Counter,
): MethodCounters<Ending> {
  const known = new Map<DescMethod, Partial<Record<Ending, Counter>>>();
  return ({ service, method }, ending) => {
    let counters = known.get(method);
    if (counters === undefined) {
      counters = {};
      known.set(method, counters);
    }
    counters[ending] ??= counterOf({ service: labelOf(service), method: method.name }, ending);
    return counters[ending];
  };
}
