import type { RequestContext } from "../context.ts";
import { roleName } from "../contract/roles.ts";

/** All that a service is told besides the request: an allow-list of what the gateway itself knows. */
export function metadataOf({ caller, requestId, traceparent }: RequestContext): Record<string, string> {
  const header: Record<string, string> = { "x-request-id": requestId };
  if (traceparent !== undefined) header.traceparent = traceparent;
  if (caller !== undefined) {
    header["x-user-id"] = caller.userId;
    header["x-user-role"] = roleName(caller.role);
  }
  return header;
}
