/** One block of a stream, as the HTML standard reads it (section 9.2.6). A comment alone is a block without fields. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retryMs?: number;
}

/** Reads the blocks of a stream as they come. Fails where the stream breaks off, or ends in the middle of a block. */
export async function* readEvents(chunks: AsyncIterable<string>): AsyncGenerator<ServerSentEvent, void> {
  let unread = "";
  for await (const chunk of chunks) {
    const blocks = (unread + chunk).split("\n\n");
    unread = blocks.pop()!;
    yield* blocks.map(parseBlock);
  }
  if (unread !== "") throw new Error(`the stream ended within ${JSON.stringify(unread)}`);
}

function parseBlock(block: string): ServerSentEvent {
  const fields = block.split("\n").map((line) => {
    const colon = line.indexOf(": ");
    return [line.slice(0, Math.max(0, colon)), line.slice(colon + 2)] as const;
  });
  const value = (name: string) => fields.find(([each]) => each === name)?.[1];
  const [id, event, data, retry] = ["id", "event", "data", "retry"].map(value);
  return {
    ...(id !== undefined && { id }),
    ...(event !== undefined && { event }),
    ...(data !== undefined && { data }),
    ...(retry !== undefined && { retryMs: Number(retry) }),
  };
}
