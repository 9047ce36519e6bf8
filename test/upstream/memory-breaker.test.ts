import { DEFAULT_BREAKER_OPTIONS } from "#src/upstream/breaker.ts";
import { createMemoryBreaker } from "#src/upstream/memory-breaker.ts";
import { type BreakerUnderTest, breakerSuite } from "../suites/breaker-suite.ts";

breakerSuite(() => {
  let nowMs = 1_000_000;
  const changes: BreakerUnderTest["changes"][number][] = [];
  const breaker = createMemoryBreaker({
    options: DEFAULT_BREAKER_OPTIONS,
    now: () => nowMs,
    onChange: ({ from, to, openMs }) => changes.push([from, to, openMs]),
  });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { breaker, changes, advance, settle: async () => {} };
});
