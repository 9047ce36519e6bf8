/** Takes one mistake of whatever is being checked, and lets the check go on. */
export type Report = (problem: string) => void;

/** Everything that is wrong with the contract. It stops the start. */
export class ContractError extends Error {
  override name = "ContractError";
  /** One line each: the rpc's full name, the HTTP method and the template with its column, and what is wrong. */
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The contract is wrong:\n${mistakes.map((mistake) => `  ${mistake}`).join("\n")}`);
    this.mistakes = mistakes;
  }
}
