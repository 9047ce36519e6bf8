/**
 * Errors of Redis that are about the server and not about the command: it is loading, it has become a replica, it wants
 * another password. A reply with one of them is worth no more than none. The code may stand behind a script's own words
 * ("ERR Error running script …: -READONLY …").
 */
const ABOUT_THE_SERVER =
  /(?:^|[\s-])(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|MISCONF|NOAUTH|WRONGPASS|NOPERM|BUSY) /;

/** The code, e.g. `READONLY`, or undefined where the error is the command's own. */
export function serverErrorCode(message: string): string | undefined {
  return ABOUT_THE_SERVER.exec(message)?.[1];
}
