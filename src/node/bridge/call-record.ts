import { type ContextValues, createContextKey, createContextValues } from "@connectrpc/connect";

/** What is known of one call when its response has closed. */
export interface CallRecord {
  /** Whether there was room for it. */
  readonly admitted: boolean;
  /** `connect`, `grpc` or `grpc-web`. */
  protocol?: string;
  /** What it ended with, by gRPC's name of the code. Undefined: it was refused before it could be passed on. */
  outcome?: string;
  /** What went wrong between us and the service; undefined where the service itself has answered. */
  failure?: unknown;
}

const key = createContextKey<CallRecord | undefined>(undefined);

/** The values that take a call's record through Connect. */
export function valuesWith(record: CallRecord): ContextValues {
  return createContextValues().set(key, record);
}

export function callRecordOf(values: ContextValues): CallRecord {
  const record = values.get(key);
  if (record === undefined) throw new Error("a call without a record");
  return record;
}
