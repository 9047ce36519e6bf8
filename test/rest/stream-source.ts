import type { Message } from "@bufbuild/protobuf";

/** Long enough for everything that waits for nothing but promises. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** An upstream that counts what is asked of it and can be made to wait. */
export class Source implements AsyncIterable<Message>, AsyncIterator<Message> {
  asked = 0;
  returned = 0;
  readonly #messages: Message[];
  readonly #failureOfReturn: Error | undefined;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(messages: readonly Message[], failureOfReturn?: Error) {
    this.#messages = [...messages];
    this.#failureOfReturn = failureOfReturn;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
  }

  fail(error: Error): void {
    this.#gate?.reject(error);
  }

  async next(): Promise<IteratorResult<Message>> {
    this.asked++;
    await this.#gate?.promise;
    const value = this.#messages.shift();
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  }

  async return(): Promise<IteratorResult<Message>> {
    this.returned++;
    if (this.#failureOfReturn !== undefined) throw this.#failureOfReturn;
    return { done: true, value: undefined };
  }
}
