import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { type CallRecord, callRecordOf } from "./call-record.ts";

/** Notes in the call's record what it ended with. */
export const recordOutcome: Interceptor = (next) => async (request) => {
  const record = callRecordOf(request.contextValues);
  // Stands unless the call comes to an end of its own: its caller has left.
  record.outcome = codeName(Code.Canceled);
  try {
    const response = await next(request);
    if (response.stream) return { ...response, message: watch(response.message, record) };
    record.outcome = "OK";
    return response;
  } catch (error) {
    noteFailure(record, error);
    throw error;
  }
};

async function* watch<T>(messages: AsyncIterable<T>, record: CallRecord): AsyncGenerator<T> {
  try {
    yield* messages;
    record.outcome = "OK";
  } catch (error) {
    noteFailure(record, error);
    throw error;
  }
}

function noteFailure(record: CallRecord, thrown: unknown): void {
  record.outcome = codeName(ConnectError.from(thrown, Code.Internal).code);
  record.failure = thrown instanceof ConnectError ? thrown.cause : thrown;
}

/** A code by gRPC's own name, `NOT_FOUND`; it spells cancelled with two l, which Connect does not. */
export function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
