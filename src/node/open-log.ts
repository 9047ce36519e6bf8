/**
 * Opens the process's log, standard output; the function takes one line without its line break.
 *
 * When the log's reader goes away, every write fails with EPIPE. Unheard, that error would end the process, and the
 * line about its end would fail in the same way, for ever. Requests are worth more than lines about them.
 */
export function openLog(): (line: string) => void {
  process.stdout.on("error", () => {});
  return (line) => process.stdout.write(`${line}\n`);
}
