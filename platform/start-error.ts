/**
 * Why the platform could not start, in one line that a user can act on: a port in use, a wrong variable, a file that
 * is no database. The program prints the message alone; any other error is a bug and keeps its stack.
 */
export class StartError extends Error {
  override readonly name = "StartError";
}
