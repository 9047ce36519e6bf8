import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where Debian installs it. playwright-core brings no browser of its own, and must not download one. */
const EXECUTABLE = "/usr/bin/chromium";

/** What a browser does besides showing pages, turned off: it would call its maker, and no test is about that. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const installed = existsSync(EXECUTABLE);
if (!installed) process.stderr.write(`Tests with a browser are skipped: there is no ${EXECUTABLE}.\n`);

/** Whether tests with a browser can run. True in CI: there a browser that is missing must fail. */
export const hasChromium: boolean = installed || process.env.CI !== undefined;

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
}
