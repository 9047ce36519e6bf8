import { type Redis, type RedisCommand, type RedisReply, StoreUnavailable } from "#src/store/redis.ts";

/** As much of a Redis as GET and SET … PX, on a clock that only the test moves. */
export interface MemoryRedis extends Redis {
  /** What was sent, a round trip each. */
  readonly trips: (readonly RedisCommand[])[];
  readonly values: Map<string, { text: string; untilMs: number }>;
  /** From now on nothing is answered, or this is. */
  fail(how: "away" | readonly RedisReply[] | undefined): void;
}

export function createMemoryRedis(clock: { readonly now: number }): MemoryRedis {
  const trips: (readonly RedisCommand[])[] = [];
  const values = new Map<string, { text: string; untilMs: number }>();
  let failure: "away" | readonly RedisReply[] | undefined;

  const runOne = ([name, key, text, px, ms]: RedisCommand): RedisReply => {
    if (name === "GET") {
      const found = values.get(String(key));
      return found !== undefined && found.untilMs > clock.now ? found.text : null;
    }
    if (name !== "SET" || px !== "PX") throw new Error(`not a command that is known here: ${name}`);
    values.set(String(key), { text: String(text), untilMs: clock.now + Number(ms) });
    return "OK";
  };

  return {
    trips,
    values,
    fail: (how) => {
      failure = how;
    },
    async run(commands) {
      trips.push(commands);
      if (failure === "away") throw new StoreUnavailable("away");
      return failure ?? commands.map(runOne);
    },
  };
}
