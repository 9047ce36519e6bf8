/** Takes one line of the log and writes it where a process's log goes. */
export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
