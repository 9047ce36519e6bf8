import { Code, ConnectError } from "@connectrpc/connect";

// The answers "no" of the platform, by their gRPC codes. Messages are for the people who call: what, and which one.

/** The request itself is wrong, whatever the state of the platform. */
export const invalidArgument = (message: string) => new ConnectError(message, Code.InvalidArgument);

/** What the request names does not exist. */
export const notFound = (what: string, id: string) => new ConnectError(`${what} ${id} does not exist`, Code.NotFound);

/** What the request would make is there already. */
export const alreadyExists = (message: string) => new ConnectError(message, Code.AlreadyExists);

/** Right in itself, but not in the state that things are in. */
export const failedPrecondition = (message: string) => new ConnectError(message, Code.FailedPrecondition);

/** Not for this caller. */
export const permissionDenied = (message: string) => new ConnectError(message, Code.PermissionDenied);

/** The credentials are not somebody's. */
export const unauthenticated = (message: string) => new ConnectError(message, Code.Unauthenticated);

/** Too much at once. */
export const resourceExhausted = (message: string) => new ConnectError(message, Code.ResourceExhausted);
