import { type Browser, chromium } from "playwright-core";
import { installed } from "./installed.ts";

/** Debian's. playwright-core brings no browser of its own, and must not download one. */
const executablePath = installed("chromium");

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

/** Whether tests with a browser can run. */
export const hasChromium = executablePath !== undefined;

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
}
