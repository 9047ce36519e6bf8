import { type Redis, type RedisCommand, RedisError, type RedisReply, StoreUnavailable } from "./redis.ts";
import { serverErrorCode } from "./unusable.ts";

export interface UpstashRedisOptions {
  /** The database's REST endpoint, an origin. */
  readonly url: string;
  readonly token: string;
  readonly fetch: typeof fetch;
  /** The hard limit of one call, its answer's body included. */
  readonly timeoutMs: number;
}

/** More than any answer that the gateway asks for; what is longer is not read. */
const MAX_ANSWER_BYTES = 8_388_608;

/**
 * Redis over Upstash's REST: one `POST /pipeline`.
 *
 * The road not taken is @upstash/redis. All that we use of Redis is this one endpoint, and the client costs 18 KiB of a
 * Worker's bundle and five exceptions: it repeats commands that may have run, takes an aborted call for an answer,
 * parses text that looks like JSON, lets requests share their fate, and shows commands with their values in its errors.
 */
export function createUpstashRedis({ url, token, fetch, timeoutMs }: UpstashRedisOptions): Redis {
  // A global database answers reads from a replica. With the token of our last answer it has at least our own writes;
  // those of another instance may lag behind, which is then what bounds a logout elsewhere.
  let syncToken = "";

  const send = async (commands: readonly RedisCommand[], signal: AbortSignal): Promise<unknown> => {
    const response = await fetch(`${url}/pipeline`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
        // So that text survives whatever its bytes are.
        "Upstash-Encoding": "base64",
        ...(syncToken !== "" && { "Upstash-Sync-Token": syncToken }),
      },
      body: JSON.stringify(commands),
      // A redirect would show the token to somebody else; workerd does not know "error".
      redirect: "manual",
      signal,
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new StoreUnavailable(`Upstash answered ${response.status}`);
    }
    syncToken = response.headers.get("Upstash-Sync-Token") ?? syncToken;
    return JSON.parse(await readText(response));
  };

  return {
    async run(commands) {
      const abort = new AbortController();
      const { promise: timeout, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        reject(new StoreUnavailable(`no answer within ${timeoutMs} ms`));
        abort.abort();
      }, timeoutMs);
      try {
        // A race beside the signal, since the limit must hold whatever a runtime makes of an aborted body.
        const answer = await Promise.race([send(commands, abort.signal), timeout]);
        return readReplies(answer, commands.length);
      } catch (error) {
        if (error instanceof StoreUnavailable) throw error;
        // Its text may be the answer's (JSON.parse) or name the address: only its kind goes on.
        throw new StoreUnavailable(error instanceof SyntaxError ? "the answer is no JSON" : "the call failed");
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function readText({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw new StoreUnavailable("the answer is too long");
    }
    text += decoder.decode(value, { stream: true });
  }
}

function readReplies(answer: unknown, count: number): readonly RedisReply[] {
  if (!Array.isArray(answer) || answer.length !== count) throw new StoreUnavailable("the answer has other replies");
  return answer.map((item: unknown) => {
    if (typeof item !== "object" || item === null) throw notAReply();
    if ("error" in item && typeof item.error === "string") return refused(item.error);
    if ("result" in item) return readReply(item.result);
    throw notAReply();
  });
}

function refused(message: string): RedisError {
  const code = serverErrorCode(message);
  if (code !== undefined) throw new StoreUnavailable(`Redis answered ${code}`);
  return new RedisError(message);
}

function readReply(result: unknown): RedisReply {
  if (result === null || typeof result === "number") return result;
  // The one text that comes as it is.
  if (typeof result === "string") return result === "OK" ? result : fromBase64(result);
  if (Array.isArray(result)) return result.map(readReply);
  throw notAReply();
}

function fromBase64(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    throw notAReply();
  }
}

function notAReply(): StoreUnavailable {
  return new StoreUnavailable("the answer has something else than replies");
}
