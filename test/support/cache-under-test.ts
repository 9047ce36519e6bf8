import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import { OrchestratorService } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { TaskService } from "#gen/platform/tasks/v1/tasks_pb.ts";
import { UserService } from "#gen/platform/users/v1/users_pb.ts";
import type { CacheUse } from "#src/context.ts";
import { callSettingsOf } from "#src/contract/call-policy.ts";
import { createGatewayMetrics } from "#src/telemetry/gateway-metrics.ts";
import type { Call } from "#src/upstream/call.ts";
import { type CallCacheOptions, createCallCache } from "#src/upstream/call-cache.ts";
import type { UpstreamService } from "#src/upstream/services.ts";
import { requestContext } from "./upstream.ts";

const METHODS = { ...UserService.method, ...TaskService.method, ...OrchestratorService.method };
type Methods = typeof METHODS;
type UnaryName = Exclude<keyof Methods, "watchProposals">;

/** A call that has arrived at the services, which a test answers. */
export interface Arrived {
  readonly call: Call;
  answer(message: Message): void;
  fail(error: unknown): void;
}

/** How one call ends: with what, and what its headers would say. */
export interface Ending {
  readonly answer: Promise<Message>;
  readonly uses: readonly CacheUse[];
}

/** An instance of the gateway as far as its cache goes, on a clock that only the test moves. */
export interface CacheUnderTest {
  readonly arrived: readonly Arrived[];
  readonly metrics: ReturnType<typeof createGatewayMetrics>;
  /** Work that goes on after the answers. */
  readonly background: Promise<void>[];
  call<N extends UnaryName>(
    name: N,
    request: MessageInitShape<Methods[N]["input"]>,
    changes?: Partial<Pick<Call, "fresh" | "signal" | "deadlineAtMs" | "settings">>,
  ): Ending;
  /** The services answer from now on by themselves. */
  answerBy(answer: (call: Call) => Promise<Message>): void;
}

export interface Clock {
  now: number;
  advance(seconds: number): void;
}

export function startClock(): Clock {
  return {
    now: 1_800_000_000_000,
    advance(seconds) {
      this.now += seconds * 1000;
    },
  };
}

export function openCache(clock: Clock, changes: Partial<CallCacheOptions> = {}): CacheUnderTest {
  const arrived: Arrived[] = [];
  const background: Promise<void>[] = [];
  const metrics = createGatewayMetrics();
  let answerBy: ((call: Call) => Promise<Message>) | undefined;
  const cache = createCallCache({
    ttlSeconds: 300,
    upstreamTimeoutMs: 30_000,
    metrics,
    now: () => clock.now,
    // The middle: without jitter.
    random: () => 0.5,
    keepAlive: (work) => void background.push(work),
    sharesWork: true,
    ...changes,
  });
  const step = cache((call) => {
    return new Promise<Message>((answer, fail) => {
      arrived.push({ call, answer, fail });
      answerBy?.(call).then(answer, fail);
    });
  });
  return {
    arrived,
    metrics,
    background,
    answerBy: (next) => {
      answerBy = next;
    },
    call(name, request, more = {}) {
      const method = METHODS[name];
      const settings = callSettingsOf(method);
      const context = { ...requestContext({ deadlineAtMs: clock.now + 30_000 }) };
      const answer = step({
        service: serviceOf(method.parent.typeName),
        method,
        settings,
        request: create(method.input, request as never) as Message,
        context,
        contextValues: createContextValues(),
        deadlineAtMs: clock.now + settings.timeoutMs,
        attempt: 1,
        fresh: false,
        isProbe: false,
        signal: new AbortController().signal,
        ...more,
      });
      // A rejection before the test looks at it is no accident.
      answer.catch(() => {});
      return { answer, uses: context.cacheUses };
    },
  };
}

function serviceOf(typeName: string): UpstreamService {
  return typeName === UserService.typeName ? "users" : typeName === TaskService.typeName ? "tasks" : "orchestrator";
}

/** Lets what has settled be heard. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));
