/** The log of a Worker is its console: Cloudflare takes each line as one event, and reads JSON in it. */
export function writeLog(line: string): void {
  // biome-ignore lint/suspicious/noConsole: a Worker has no standard output.
  console.log(line);
}
