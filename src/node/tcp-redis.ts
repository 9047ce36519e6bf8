import { Redis as RedisClient } from "ioredis";
import { type Redis, type RedisCommand, RedisError, type RedisReply, StoreUnavailable } from "../store/redis.ts";
import { serverErrorCode } from "../store/unusable.ts";

export interface TcpRedisOptions {
  /** `redis://` or `rediss://`, with user, password and database as usual. */
  readonly url: string;
  /** The hard limit of one call. */
  readonly timeoutMs: number;
}

export interface TcpRedis extends Redis {
  close(): void;
}

const CONNECT_TIMEOUT_MS = 2_000;
/** A server that is silent for so long while it owes an answer is given up, and another connection tried. */
const SILENCE_MS = 2_000;
const FIRST_RETRY_MS = 50;
/** Well below the 10 seconds within which a store that is back must be used again. */
const LONGEST_RETRY_MS = 3_000;

/**
 * Redis over TCP. The connection is made in the background, now and whenever it has been lost. A call waits for one that
 * is being made, within its limit; without any it fails at once, since nobody is helped by a queue of commands whose
 * senders have gone.
 */
export function createTcpRedis({ url, timeoutMs }: TcpRedisOptions): TcpRedis {
  const client = new RedisClient(url, {
    // What Redis before version 6 speaks as well; we need nothing of RESP3.
    protocol: 2,
    enableOfflineQueue: false,
    // One attempt: a command whose answer was lost may have run.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    retryStrategy,
    // After a failover the name leads to another server, and this one has become a replica.
    reconnectOnError: ({ message }) => serverErrorCode(message) === "READONLY",
    disableClientInfo: true,
  });
  let trouble = "not connected yet";
  client.on("error", (error: Error) => {
    trouble = reasonOf(error);
  });

  const waiting = new Set<() => void>();
  const wake = () => {
    for (const go of waiting) go();
    waiting.clear();
  };
  client.on("ready", wake).on("close", wake);

  const send = async (commands: readonly RedisCommand[], isLate: () => boolean) => {
    if (client.status === "connecting" || client.status === "connect") {
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
    // Nobody waits for a late one any more: sent now, it would run after its sender was told that it failed.
    if (isLate() || client.status !== "ready") throw new StoreUnavailable(`no connection: ${trouble}`);
    const pipeline = client.pipeline();
    for (const [name, ...args] of commands) pipeline.call(name, ...args);
    return pipeline.exec();
  };

  return {
    async run(commands) {
      const answers = await within(timeoutMs, (isLate) => send(commands, isLate));
      if (answers?.length !== commands.length) throw new StoreUnavailable("the pipeline has other replies");
      return answers.map(([error, reply]) => (error === null ? readReply(reply) : readError(error)));
    },
    close: () => client.disconnect(),
  };
}

/** Doubles up to the longest, and half of it is random: instances must not all come back at once. */
function retryStrategy(attempt: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling * (0.5 + Math.random() / 2));
}

async function within<T>(timeoutMs: number, call: (isLate: () => boolean) => Promise<T>): Promise<T> {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(new StoreUnavailable(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([call(() => late), timeout]);
  } catch (error) {
    throw error instanceof StoreUnavailable ? error : new StoreUnavailable(reasonOf(error));
  } finally {
    clearTimeout(timer);
  }
}

function readReply(reply: unknown): RedisReply {
  if (reply === null || typeof reply === "string" || typeof reply === "number") return reply;
  if (Array.isArray(reply)) return reply.map(readReply);
  if (reply instanceof Error) return readError(reply);
  throw new StoreUnavailable("a reply of a kind that no command of ours has");
}

/** ioredis puts the command with its arguments on its errors, so none of them is passed on. */
function readError(error: Error): RedisError {
  const code = serverErrorCode(error.message);
  if (error.name !== "ReplyError" || code !== undefined) throw new StoreUnavailable(reasonOf(error));
  return new RedisError(error.message);
}

/** What went wrong in one word, e.g. `ECONNREFUSED` or `WRONGPASS`: the rest of the text may hold what no log should. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "an unknown error";
  const code = "code" in error && typeof error.code === "string" ? error.code : serverErrorCode(error.message);
  return code ?? error.name;
}
