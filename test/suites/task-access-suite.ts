import { beforeAll, describe, expect, test } from "vitest";
import { call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import type { Target } from "./suite-target.ts";

/** Whom a task means something to. Assignee and other are DEVELOPERs; the former has accepted the proposals. */
const CALLERS = ["owner", "client", "assignee", "other", "admin"] as const;
type CallerName = (typeof CALLERS)[number];

const STATUSES = ["OPEN", "ASSIGNED", "PAUSED", "COMPLETED", "CANCELLED"] as const;
type Status = (typeof STATUSES)[number];

/** A task and how it came to where it is. */
interface State {
  readonly name: string;
  /** Accepted by the assignee, before the statuses. */
  readonly accepted: boolean;
  /** Set by the owner, one after the other. */
  readonly statuses: readonly Status[];
  /** Who may read it. */
  readonly readers: readonly CallerName[];
  /** In which list each DEVELOPER finds it: the name of the status filter. */
  readonly listedFor: { readonly assignee?: Status; readonly other?: Status };
}

const PARTIES = ["owner", "assignee", "admin"] as const;
const NO_DEVELOPER = ["owner", "admin"] as const;

const STATES: readonly State[] = [
  {
    name: "OPEN: every developer may take it",
    accepted: false,
    statuses: [],
    readers: ["owner", "assignee", "other", "admin"],
    listedFor: { assignee: "OPEN", other: "OPEN" },
  },
  {
    name: "ASSIGNED by an accepted proposal: its own developer",
    accepted: true,
    statuses: [],
    readers: PARTIES,
    listedFor: { assignee: "ASSIGNED" },
  },
  {
    name: "ASSIGNED by hand to nobody: no developer has the empty id",
    accepted: false,
    statuses: ["ASSIGNED"],
    readers: NO_DEVELOPER,
    listedFor: {},
  },
  {
    name: "PAUSED while assigned: it is still theirs",
    accepted: true,
    statuses: ["PAUSED"],
    readers: PARTIES,
    listedFor: { assignee: "PAUSED" },
  },
  {
    name: "PAUSED while nobody's",
    accepted: false,
    statuses: ["PAUSED"],
    readers: NO_DEVELOPER,
    listedFor: {},
  },
  {
    name: "COMPLETED: who did it may look back",
    accepted: true,
    statuses: ["COMPLETED"],
    readers: PARTIES,
    listedFor: { assignee: "COMPLETED" },
  },
  {
    name: "CANCELLED after it was assigned",
    accepted: true,
    statuses: ["CANCELLED"],
    readers: PARTIES,
    listedFor: { assignee: "CANCELLED" },
  },
  {
    name: "CANCELLED before anybody took it",
    accepted: false,
    statuses: ["CANCELLED"],
    readers: NO_DEVELOPER,
    listedFor: {},
  },
  {
    name: "OPEN again: everybody's, and nobody's own",
    accepted: true,
    statuses: ["OPEN"],
    readers: ["owner", "assignee", "other", "admin"],
    listedFor: { assignee: "OPEN", other: "OPEN" },
  },
];

/** Section 3 of the contract, 13 to 19 and 21, where a task's state decides. */
export function taskAccessSuite(target: Target): void {
  let people: Readonly<Record<CallerName, Person>>;
  const taskIds: string[] = [];
  // A skill that nobody else's task or developer has.
  const skill = `state-${crypto.randomUUID()}`;
  const TASK = { title: "State", description: "", skill_tags: [skill], budget_lower_bound: 10, budget_upper_bound: 90 };

  beforeAll(async () => {
    const { url } = target();
    const [owner, client, assignee, other, admin] = await Promise.all([
      register(url, "CLIENT"),
      register(url, "CLIENT"),
      register(url, "DEVELOPER"),
      register(url, "DEVELOPER"),
      signInAdmin(url),
    ]);
    people = { owner, client, assignee, other, admin };
    const path = `/api/v1/users/developers/${assignee.userId}`;
    const profile = { display_name: "State", email: assignee.email, skill_tags: [skill], hourly_rate: 50 };
    await must("POST /api/v1/users/developers", assignee, profile);
    await must(`PUT ${path}/presence`, assignee, { presence: "SEARCHING" });
    for (const { accepted, statuses } of STATES) {
      const { task_id: taskId } = await must("POST /api/v1/tasks", owner, TASK);
      if (accepted) {
        const { proposals } = await must(`POST /api/v1/matching/tasks/${taskId}/start`, owner, { limit: 1 });
        await must(`POST /api/v1/matching/proposals/${proposals[0].proposal_id}/accept`, assignee, {});
      }
      for (const status of statuses) await must(`PUT /api/v1/tasks/${taskId}`, owner, { status });
      taskIds.push(taskId);
    }
  });

  async function must(request: string, { token }: Person, body: object) {
    const answer = await call(target().url, request, { token, body });
    expect(answer.status, `${request}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
    return answer.body;
  }

  const ask = async (caller: CallerName, request: string, body?: object) => {
    const { status, body: answered } = await call(target().url, request, { token: people[caller].token, body });
    return status < 300 ? status : `${status} ${answered.code}`;
  };

  /** What each caller gets. */
  const askAll = async (request: string, body?: object) => {
    const rows = CALLERS.map(async (caller) => [caller, await ask(caller, request, body)] as const);
    return Object.fromEntries(await Promise.all(rows));
  };
  const only = (allowed: readonly CallerName[]) =>
    Object.fromEntries(CALLERS.map((caller) => [caller, allowed.includes(caller) ? 200 : "403 ACCESS_DENIED"]));

  describe.each(STATES.map((state, index) => [state.name, state, index] as const))(
    "a task that is %s",
    (_name, state, index) => {
      test("is read by those who may, and by nobody else", async () => {
        expect(await askAll(`GET /api/v1/tasks/${taskIds[index]}`)).toEqual(only(state.readers));
      });

      test("is its owner's to change, whoever works on it", async () => {
        const { title } = TASK;
        expect(await askAll(`PUT /api/v1/tasks/${taskIds[index]}`, { title })).toEqual(only(NO_DEVELOPER));
      });

      test("is its owner's to have scored, filtered and recommended for", async () => {
        const taskId = taskIds[index]!;
        const owners = only(NO_DEVELOPER);
        const body = { ...TASK, task_id: taskId };
        expect(await askAll("POST /api/v1/matching/score", body)).toEqual(owners);
        const candidates = { ...body, candidate_user_ids: [people.other.userId] };
        expect(await askAll("POST /api/v1/matching/filter", candidates)).toEqual(owners);
        expect(await askAll(`GET /api/v1/matching/recommendations/${taskId}`)).toEqual(owners);
      });

      test("is its owner's to have proposed, while it is open", async () => {
        const isOpen = state.listedFor.other === "OPEN";
        const owners = isOpen ? 201 : "400 FAILED_PRECONDITION";
        const answers = await askAll(`POST /api/v1/matching/tasks/${taskIds[index]}/start`, {});
        expect(answers).toEqual({ ...only([]), owner: owners, admin: owners });
      });

      test("cannot be deleted by any other", async () => {
        const request = `DELETE /api/v1/tasks/${taskIds[index]}`;
        for (const caller of ["client", "assignee", "other"] as const) {
          expect(await ask(caller, request), caller).toBe("403 ACCESS_DENIED");
        }
        expect(await ask("owner", `GET /api/v1/tasks/${taskIds[index]}`)).toBe(200);
      });

      test("is in the lists of those who may read it, under its status", async () => {
        const status = state.statuses.at(-1) ?? (state.accepted ? "ASSIGNED" : "OPEN");
        const found = async (caller: CallerName) => {
          const listed = STATUSES.map(async (filter) => {
            const query = `status=${filter}&skill_tags=${skill}&limit=100`;
            const { body } = await call(target().url, `GET /api/v1/tasks?${query}`, { token: people[caller].token });
            return body.some((task: { task_id: string }) => task.task_id === taskIds[index]) ? [filter] : [];
          });
          return (await Promise.all(listed)).flat();
        };
        const { assignee, other } = state.listedFor;
        expect({
          owner: await found("owner"),
          client: await found("client"),
          assignee: await found("assignee"),
          other: await found("other"),
          admin: await found("admin"),
        }).toEqual({
          owner: [status],
          client: [],
          assignee: assignee === undefined ? [] : [assignee],
          other: other === undefined ? [] : [other],
          admin: [status],
        });
      });
    },
  );

  describe("a list without a status", () => {
    const open = () => STATES.flatMap(({ listedFor }, index) => (listedFor.other === "OPEN" ? [taskIds[index]!] : []));
    const listed = async (caller: CallerName, query = "") => {
      const request = `GET /api/v1/tasks?skill_tags=${skill}&limit=100${query}`;
      const { body, headers } = await call(target().url, request, { token: people[caller].token });
      expect(headers.get("x-total-count"), "the total tells no more than the list").toBe(String(body.length));
      return body.map((task: { task_id: string }) => task.task_id).toSorted() as string[];
    };

    test("has everything for the owner and for ADMIN, by client_id or without", async () => {
      const all = taskIds.toSorted();
      const mine = `&client_id=${people.owner.userId}`;
      expect(await listed("owner")).toEqual(all);
      expect(await listed("owner", mine)).toEqual(all);
      expect(await listed("admin")).toEqual(all);
      expect(await listed("admin", mine)).toEqual(all);
      expect(await listed("admin", `&client_id=${people.client.userId}`)).toEqual([]);
    });

    test("has what is OPEN for a developer, by client_id or without; what is assigned to it has to be asked for", async () => {
      for (const caller of ["assignee", "other"] as const) {
        expect(await listed(caller)).toEqual(open().toSorted());
        expect(await listed(caller, `&client_id=${people.owner.userId}`)).toEqual(open().toSorted());
        expect(await listed(caller, `&client_id=${people.client.userId}`)).toEqual([]);
      }
    });

    test("has nothing for another client, who may not even name the owner", async () => {
      expect(await listed("client")).toEqual([]);
      const request = `GET /api/v1/tasks?client_id=${people.owner.userId}`;
      expect(await ask("client", request)).toBe("403 ACCESS_DENIED");
      expect(await ask("client", `${request}&status=OPEN`)).toBe("403 ACCESS_DENIED");
    });

    test("cannot be widened: who is assigned is no parameter", async () => {
      for (const caller of CALLERS) {
        const request = `GET /api/v1/tasks?status=ASSIGNED&assignee_id=${people.assignee.userId}`;
        expect(await ask(caller, request), caller).toBe("400 VALIDATION_ERROR");
      }
    });
  });
}
