import { createClient } from "@connectrpc/connect";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { MatchingService } from "#gen/gateway/v1/matching_pb.ts";
import { ProposalState } from "#gen/platform/common/v1/common_pb.ts";
import { cannot } from "../black-box/differences.ts";
import { claims, forge, GOOD_HEADER } from "../identity/forge.ts";
import { type EventStream, type EventStreamOptions, openEvents, type SentEvent } from "../support/event-stream.ts";
import { call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import { expectRefusal, invalid, type Refusal } from "../support/problems.ts";
import { TRANSPORTS } from "../support/rpc-clients.ts";
import { newDeveloper, newMatch, newProposal, newSkill, newTask, TIME } from "../support/samples.ts";
import { countOf } from "../support/scrape.ts";
import type { TokenTarget } from "./token-suite.ts";

const MOST_STREAMS = 6;
const EVENTS = "/api/v1/matching/proposals/events";
const INVALID_ARGUMENT: Refusal = { status: 400, code: "INVALID_ARGUMENT" };

/** Route 25, over REST and as the rpc that it is. */
export function proposalEventsSuite(target: () => TokenTarget): void {
  const url = () => target().url;
  let owner: Person;
  let admin: Person;
  beforeAll(async () => {
    owner = await register(url(), "CLIENT");
    admin = await signInAdmin(url());
  });

  const listen = ({ token }: Person, query = "", headers: EventStreamOptions["headers"] = {}) =>
    openEvents(url(), `${EVENTS}${query}`, { token, headers });
  const start = async (taskId: string): Promise<string[]> => {
    const request = `POST /api/v1/matching/tasks/${taskId}/start`;
    const { body } = await call(url(), request, { token: owner.token });
    return body.proposals.map(({ proposal_id }: { proposal_id: string }) => proposal_id);
  };
  const reject = async (proposalId: string | undefined, { token }: Person) => {
    const request = `POST /api/v1/matching/proposals/${proposalId}/reject`;
    expect((await call(url(), request, { token })).status).toBe(200);
  };
  const seen = ({ data }: SentEvent) => `${data.proposal.proposal_id} ${data.proposal.state}`;
  const nextOf = async (stream: EventStream) => seen(await stream.next());

  test("tells what happens as it happens, each with the id to come back with", async () => {
    const { developer, taskId, proposalId } = await newProposal(url(), owner);
    const stream = await listen(developer);
    expect(stream.retryMs).toBeGreaterThanOrEqual(1_000);
    expect(stream.retryMs).toBeLessThanOrEqual(3_000);

    const proposed = await stream.next();
    const proposal = {
      proposal_id: proposalId,
      task_id: taskId,
      user_id: developer.userId,
      score: expect.closeTo(0.8),
      strategy: "balanced",
      state: "PROPOSED",
      proposed_at: TIME,
      expires_at: TIME,
      reason: "",
      task_title: "Build a gateway",
    };
    const { id } = proposed;
    expect(proposed).toEqual({ id, event: undefined, data: { event_id: id, proposal, occurred_at: TIME } });
    expect(id).toMatch(/\S/);

    const accept = `POST /api/v1/matching/proposals/${proposalId}/accept`;
    const { body: accepted } = await call(url(), accept, { token: developer.token });
    const following = await stream.next();
    expect(following.data).toMatchObject({ event_id: following.id, proposal: accepted });
    expect(following.id).not.toBe(id);
  });

  test("is a stream of events whatever Accept says, which nobody may keep or collect", async () => {
    const { developer } = await newProposal(url(), owner);
    for (const accept of ["text/event-stream", "*/*", "application/json", "application/x-ndjson;q=1, text/html"]) {
      const stream = await listen(developer, "", { accept });
      expect(stream.headers, accept).toMatchObject({
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "x-request-id": expect.stringMatching(/\S/),
      });
      expect(await stream.next(), accept).toMatchObject({ data: { proposal: { user_id: developer.userId } } });
      stream.close();
    }
  });

  test("begins although nothing has happened, and then tells what does", async () => {
    const { developer, taskId } = await newMatch(url(), owner);
    const stream = await listen(developer);
    const [proposalId] = await start(taskId);
    expect(await nextOf(stream)).toBe(`${proposalId} PROPOSED`);
  });

  describe("goes on", () => {
    /** A developer to whom two things have happened, by the events that told of them. */
    async function twoEvents() {
      const { developer, taskId, proposalId } = await newProposal(url(), owner);
      await reject(proposalId, developer);
      const stream = await listen(developer);
      const [first, second] = [await stream.next(), await stream.next()];
      stream.close();
      expect([seen(first), seen(second)]).toEqual([`${proposalId} PROPOSED`, `${proposalId} REJECTED`]);
      const open = (query: string, lastEventId?: string) =>
        listen(developer, query, lastEventId === undefined ? {} : { "last-event-id": lastEventId });
      return { developer, taskId, first, second, open };
    }
    type TwoEvents = Awaited<ReturnType<typeof twoEvents>>;

    const after: readonly (readonly [what: string, opened: (world: TwoEvents) => Promise<EventStream>])[] = [
      ["the header Last-Event-ID", ({ first, open }) => open("", first.id)],
      ["the query", ({ first, open }) => open(`?after_event_id=${first.id}`)],
      ["the query in camelCase", ({ first, open }) => open(`?afterEventId=${first.id}`)],
      [
        "the header, whatever the query says",
        ({ first, second, open }) => open(`?after_event_id=${second.id}`, first.id),
      ],
    ];
    test.each(after)("after the event that is named by %s", async (_what, opened) => {
      const world = await twoEvents();
      expect(await (await opened(world)).next()).toEqual(world.second);
    });

    // Who comes again asks for the same URL, and has heard more by then.
    test("with what is new, where the header names the last event, and beats an older one in the query", async () => {
      const { taskId, first, second, open } = await twoEvents();
      const streams = await Promise.all([open("", second.id), open(`?after_event_id=${first.id}`, second.id)]);
      const [proposalId] = await start(taskId);
      for (const stream of streams) expect(await nextOf(stream)).toBe(`${proposalId} PROPOSED`);
    });

    test("where it broke off, without a gap and without anything twice", async () => {
      const { developer, taskId, first, second, open } = await twoEvents();
      const broken = await open("", first.id);
      expect(await broken.next()).toEqual(second);
      broken.close();
      const [proposalId] = await start(taskId);
      await reject(proposalId, developer);
      const stream = await open("", second.id);
      const missed = [await nextOf(stream), await nextOf(stream)];
      expect(missed).toEqual([`${proposalId} PROPOSED`, `${proposalId} REJECTED`]);
    });

    test("nowhere, where the name is none", async () => {
      const { token } = owner;
      const { taskId } = await newProposal(url(), owner);
      const path = `GET ${EVENTS}?task_id=${taskId}`;
      const inHeader = (id: string) => ({ token, headers: { "last-event-id": id } });
      const tooLong = "1".repeat(129);
      await expectRefusal(url(), path, inHeader("no-event"), INVALID_ARGUMENT);
      await expectRefusal(url(), `${path}&after_event_id=no-event`, { token }, INVALID_ARGUMENT);
      await expectRefusal(url(), path, inHeader(tooLong), invalid("after_event_id"));
      await expectRefusal(url(), `${path}&after_event_id=${tooLong}`, { token }, invalid("after_event_id"));
    });
  });

  describe("tells", () => {
    /** Two tasks that are proposed to the same two developers. */
    async function twoTasks() {
      const skill = newSkill();
      const fitting = { skill_tags: [skill] };
      // The first one asks for the middle of the budget, and so is the better candidate.
      const one = await newDeveloper(url(), { ...fitting, presence: "IDLE", hourly_rate: 80 });
      const two = await newDeveloper(url(), { ...fitting, presence: "IDLE", hourly_rate: 70 });
      return { one, two, here: await newTask(url(), owner, fitting), there: await newTask(url(), owner, fitting) };
    }

    test("a developer of its own, and of one task where that is named", async () => {
      const { one, two, here, there } = await twoTasks();
      const [all, some] = await Promise.all([listen(one), listen(one, `?task_id=${here}`)]);
      const [thereOne, thereTwo] = await start(there);
      const [hereOne] = await start(here);
      await reject(thereTwo, two);
      await reject(thereOne, one);
      await reject(hereOne, one);
      const told = [];
      for (let count = 0; count < 4; count += 1) told.push(await nextOf(all));
      const proposed = [`${thereOne} PROPOSED`, `${hereOne} PROPOSED`];
      expect(told).toEqual([...proposed, `${thereOne} REJECTED`, `${hereOne} REJECTED`]);
      expect([await nextOf(some), await nextOf(some)]).toEqual([`${hereOne} PROPOSED`, `${hereOne} REJECTED`]);
    });

    test("the owner of the task that it names, of all who are asked, and of no other task", async () => {
      const { one, two, here, there } = await twoTasks();
      const stream = await listen(owner, `?task_id=${here}`);
      const [thereOne] = await start(there);
      const [hereOne, hereTwo] = await start(here);
      await reject(thereOne, one);
      await reject(hereTwo, two);
      const told = [await nextOf(stream), await nextOf(stream), await nextOf(stream)];
      expect(told).toEqual([`${hereOne} PROPOSED`, `${hereTwo} PROPOSED`, `${hereTwo} REJECTED`]);
    });

    test("ADMIN of everything, and of one task where that is named", async () => {
      const { one, two, here, there } = await twoTasks();
      const [thereOne, thereTwo] = await start(there);
      const past = await (await listen(one)).next();
      const [all, some] = await Promise.all([
        listen(admin, `?after_event_id=${past.id}`),
        listen(admin, `?task_id=${here}`),
      ]);
      expect(await nextOf(all)).toBe(`${thereTwo} PROPOSED`);
      const [hereOne, hereTwo] = await start(here);
      await reject(thereOne, one);
      await reject(hereTwo, two);
      const proposed = [`${hereOne} PROPOSED`, `${hereTwo} PROPOSED`];
      const told = [await nextOf(all), await nextOf(all), await nextOf(all), await nextOf(all)];
      expect(told).toEqual([...proposed, `${thereOne} REJECTED`, `${hereTwo} REJECTED`]);
      expect([await nextOf(some), await nextOf(some), await nextOf(some)]).toEqual([
        ...proposed,
        `${hereTwo} REJECTED`,
      ]);
    });
  });

  describe("of one user at a time there are only so many:", () => {
    const openAll = (person: Person) => Promise.all(Array.from({ length: MOST_STREAMS }, () => listen(person)));
    const openStreams = () => countOf(url(), "gateway_service_streams_open", { service: "orchestrator" });
    const untilOpen = (count: number, timeout = 12_000) =>
      expect.poll(openStreams, { timeout, interval: 50 }).toBe(count);

    test("one more ends the first, which hears why; the others go on, and so do another user's", async () => {
      const [{ developer, proposalId }, another] = [await newProposal(url(), owner), await newProposal(url(), owner)];
      const others = await listen(another.developer);
      const [first, ...rest] = await openAll(developer);
      expect(await nextOf(first!)).toBe(`${proposalId} PROPOSED`);
      const next = await listen(developer);
      const told = await first!.rest();
      expect(told.map(({ event, data }) => [event, data.code])).toEqual([["error", "RATE_LIMIT_EXCEEDED"]]);
      await reject(proposalId, developer);
      for (const stream of [...rest, next]) {
        expect([await nextOf(stream), await nextOf(stream)]).toEqual([
          `${proposalId} PROPOSED`,
          `${proposalId} REJECTED`,
        ]);
      }
      expect(await nextOf(others)).toBe(`${another.proposalId} PROPOSED`);
    });

    test("those that are ended before they began are refused, and leave none open", { timeout: 120_000 }, async () => {
      await untilOpen(0, 40_000);
      const { token } = await register(url(), "DEVELOPER");
      const leaving = new AbortController();
      const options = { headers: { authorization: `Bearer ${token}` }, signal: leaving.signal };
      const opened = Array.from({ length: 3 * MOST_STREAMS }, () => fetch(`${url()}${EVENTS}`, options));
      // On a slow machine some have begun by then, and hear why in their last event.
      for (const { status } of await Promise.all(opened)) expect([200, 429]).toContain(status);
      await untilOpen(MOST_STREAMS);
      leaving.abort();
      await untilOpen(0, 40_000);
    });

    test("it is the same whatever the protocol", async () => {
      const { developer, proposalId } = await newProposal(url(), owner);
      const [first] = await openAll(developer);
      const matching = createClient(MatchingService, TRANSPORTS["gRPC-Web in binary"]!(url()));
      const headers = { authorization: `Bearer ${developer.token}` };
      const leaving = new AbortController();
      const events = matching.watchProposals({}, { headers, signal: leaving.signal });
      await events[Symbol.asyncIterator]().next();
      const last = (await first!.rest()).at(-1);
      expect([last?.event, last?.data.code]).toEqual(["error", "RATE_LIMIT_EXCEEDED"]);
      leaving.abort();
      // These protocols have no sign of life but an event.
      await reject(proposalId, developer);
    });

    const ways = ["resetAndDestroy", "destroy"] as const;
    test.each(ways)("one that its client has left (%s) makes room", { timeout: 120_000 }, async (way) => {
      await untilOpen(0, 40_000);
      const { developer, proposalId } = await newProposal(url(), owner);
      const [first, ...rest] = await openAll(developer);
      await untilOpen(MOST_STREAMS);
      rest.at(-1)!.close(way);
      // Where a client that leaves in peace is not noticed, it is when the next sign of life does not reach it.
      const late = way === "destroy" && cannot("notice a client that closes its connection");
      await untilOpen(MOST_STREAMS - 1, late ? 40_000 : 12_000);
      await listen(developer);
      await reject(proposalId, developer);
      expect([await nextOf(first!), await nextOf(first!)]).toEqual([
        `${proposalId} PROPOSED`,
        `${proposalId} REJECTED`,
      ]);
    });

    test("HEAD answers as GET does, and leaves none open", async () => {
      const { developer } = await newProposal(url(), owner);
      const { token } = developer;
      for (let count = 0; count <= MOST_STREAMS; count += 1) {
        const { status, headers, body } = await call(url(), `HEAD ${EVENTS}`, { token });
        expect([status, headers.get("content-type"), body]).toEqual([200, "text/event-stream", ""]);
      }
      await untilOpen(0, 40_000);
    });
  });

  test("ends with its caller's token, in peace, and goes on under another one", async () => {
    const { developer, proposalId, taskId } = await newProposal(url(), owner);
    const { stream, token } = await listenBriefly(developer.userId, target());
    const heard = await stream.rest();
    expect(heard.map(seen)).toEqual([`${proposalId} PROPOSED`]);
    await expectRefusal(url(), `GET ${EVENTS}`, { token }, { status: 401, code: "AUTHENTICATION_FAILED" });
    await reject(proposalId, developer);
    const again = await listen(developer, `?task_id=${taskId}`, { "last-event-id": heard[0]!.id! });
    expect(await nextOf(again)).toBe(`${proposalId} REJECTED`);
  });

  describe.each(["Connect in JSON", "Connect in binary", "gRPC-Web in binary", "gRPC-Web in JSON"])("%s", (name) => {
    const watch = (person: Person, request: { taskId?: string; afterEventId?: string } = {}) => {
      const leaving = new AbortController();
      onTestFinished(() => leaving.abort());
      const begun = Promise.withResolvers<Headers>();
      const matching = createClient(MatchingService, TRANSPORTS[name]!(url()));
      const headers = { authorization: `Bearer ${person.token}` };
      const options = { headers, signal: leaving.signal, onHeader: begun.resolve };
      const events = matching.watchProposals(request, options)[Symbol.asyncIterator]();
      const next = async () => {
        const { value } = await events.next();
        return value as Exclude<typeof value, undefined>;
      };
      return { next, begun: begun.promise };
    };

    test("streams the same events, and goes on where it is told", async () => {
      const { developer, taskId, proposalId } = await newProposal(url(), owner);
      const stream = watch(developer);
      const { eventId, proposal, occurredAt } = await stream.next();
      const proposed = { proposalId, taskId, userId: developer.userId, state: ProposalState.PROPOSED };
      expect({ eventId, proposal, occurredAt }).toMatchObject({
        eventId: expect.stringMatching(/\S/),
        proposal: proposed,
        occurredAt: { seconds: expect.any(BigInt) },
      });
      await reject(proposalId, developer);
      expect((await stream.next()).proposal).toMatchObject({ proposalId, state: ProposalState.REJECTED });
      const again = watch(owner, { taskId, afterEventId: eventId });
      expect((await again.next()).proposal).toMatchObject({ proposalId, state: ProposalState.REJECTED });
    });

    test("begins although nothing has happened, and then tells what does", async () => {
      const { developer, taskId } = await newMatch(url(), owner);
      const stream = watch(developer);
      const first = stream.next();
      expect((await stream.begun).get("x-request-id")).toMatch(/\S/);
      const [proposalId] = await start(taskId);
      expect((await first).proposal).toMatchObject({ proposalId, state: ProposalState.PROPOSED });
    });
  });
}

/** How long a token lives that is made to expire under its stream. */
const BRIEFLY_S = 3;

/** Opens a stream by a token that is about to expire; on a machine too slow for that, by another. */
async function listenBriefly(userId: string, { url, secret }: TokenTarget) {
  for (;;) {
    const iat = Math.floor(Date.now() / 1000);
    const times = { iat, exp: iat + BRIEFLY_S };
    const its = { sub: userId, role: "DEVELOPER", sid: crypto.randomUUID(), jti: crypto.randomUUID() };
    const token = await forge(GOOD_HEADER, claims({ ...its, ...times }), secret);
    try {
      return { token, stream: await openEvents(url, EVENTS, { token }) };
    } catch (error) {
      if (!String(error).includes("AUTHENTICATION_FAILED")) throw error;
    }
  }
}
