import { ConfigError } from "../config.ts";
import { MissingImplementation } from "../contract/implementations.ts";
import { PolicyError } from "../contract/policy.ts";
import { RuleError } from "../contract/rule-mistakes.ts";
import { ContractError } from "../gateway.ts";
import { ListenError } from "./net/listen.ts";

/** Mistakes of whoever starts or changes the program. Their messages say where to look; a stack would hide that. */
const MISTAKES = [ConfigError, ListenError, ContractError, PolicyError, RuleError, MissingImplementation] as const;

/** What a person reads where a program cannot start. Anything but a known mistake has its stack. */
export function explainFailedStart(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return MISTAKES.some((mistake) => error instanceof mistake) ? error.message : (error.stack ?? String(error));
}
