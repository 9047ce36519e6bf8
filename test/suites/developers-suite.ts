import { beforeAll, describe, expect, test, vi } from "vitest";
import { call, type Person, register, signInAdmin } from "../support/gateway-under-test.ts";
import {
  ACCESS_DENIED,
  CONFLICT,
  expectRefusal,
  invalid,
  NOT_FOUND,
  type Refusal,
  UNAUTHENTICATED,
} from "../support/problems.ts";
import { newDeveloper, newSkill, profileBody, setPresence, TIME } from "../support/samples.ts";
import type { Target } from "./suite-target.ts";

const MESSAGE = { message: expect.stringMatching(/\S/) };

/** Routes 6 to 10: developer profiles and presence. */
export function developersSuite(target: Target): void {
  const url = () => target().url;
  const getProfile = async ({ userId, token }: Person) => {
    const { status, body } = await call(url(), `GET /api/v1/users/developers/${userId}`, { token });
    expect(status).toBe(200);
    return body;
  };

  describe("POST /api/v1/users/developers", () => {
    test("answers 201 with the whole profile, which is the caller's and OFFLINE", async () => {
      const { userId, token, email } = await register(url(), "DEVELOPER");
      const sent = profileBody();
      const { status, headers, body } = await call(url(), "POST /api/v1/users/developers", { token, body: sent });

      expect(status).toBe(201);
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      const beginning = { rating: 0, presence: "OFFLINE", bio: "", links: [], updated_at: TIME };
      expect(body).toEqual({ user_id: userId, ...sent, ...beginning });
      expect(body.email, "it may differ from the account's").not.toBe(email);
    });

    test("takes a profile without a rate for a rate of 0", async () => {
      const { token } = await register(url(), "DEVELOPER");
      const { hourly_rate: _, ...sent } = profileBody();
      const { status, body } = await call(url(), "POST /api/v1/users/developers", { token, body: sent });
      expect([status, body.hourly_rate]).toEqual([201, 0]);
    });

    test("refuses a second profile with 409, and keeps the first", async () => {
      const person = await newDeveloper(url());
      const before = await getProfile(person);
      const again = { token: person.token, body: { ...profileBody(), display_name: "Another" } };
      await expectRefusal(url(), "POST /api/v1/users/developers", again, CONFLICT);
      expect(await getProfile(person)).toEqual(before);
    });

    test("does not take another's id from the body", async () => {
      const [person, other] = await Promise.all([register(url(), "DEVELOPER"), register(url(), "DEVELOPER")]);
      const body = { ...profileBody(), user_id: other.userId };
      await expectRefusal(url(), "POST /api/v1/users/developers", { token: person.token, body }, invalid("user_id"));
    });
  });

  describe("GET /api/v1/users/developers/{user_id}", () => {
    test("answers the profile to anybody who is signed in", async () => {
      const person = await newDeveloper(url());
      const reader = await register(url(), "CLIENT");
      expect(await getProfile({ ...person, token: reader.token })).toEqual(await getProfile(person));
    });

    test("is 404 for an id that nobody has, and for an account without a profile", async () => {
      const { token, userId } = await register(url(), "CLIENT");
      for (const id of ["usr_nobody", userId, "a:b", "developers"]) {
        await expectRefusal(url(), `GET /api/v1/users/developers/${id}`, { token }, NOT_FOUND);
      }
    });
  });

  describe("PUT /api/v1/users/developers/{user_id}", () => {
    const START = { skill_tags: ["a", "b"], hourly_rate: 80, bio: "Once.", links: ["https://one.example"] };
    const changes: readonly (readonly [why: string, change: object, result: object])[] = [
      ["skill_tags alone", { skill_tags: ["c"] }, { skill_tags: ["c"] }],
      ["hourly_rate alone", { hourly_rate: 12.5 }, { hourly_rate: 12.5 }],
      ["hourly_rate of 0", { hourly_rate: 0 }, { hourly_rate: 0 }],
      ["bio alone", { bio: "Twice." }, { bio: "Twice." }],
      ["links alone", { links: ["https://two.example", "x"] }, { links: ["https://two.example", "x"] }],
      ["a bio that is emptied", { bio: "" }, { bio: "" }],
      ["a bio that is cleared with null", { bio: null }, { bio: "" }],
      ["a rate that is cleared with null", { hourly_rate: null }, { hourly_rate: 0 }],
      ["links that are emptied", { links: [] }, { links: [] }],
      ["links that are cleared with null", { links: null }, { links: [] }],
      ["two fields", { bio: "Twice.", links: [] }, { bio: "Twice.", links: [] }],
      ["all four", { ...START, bio: "All." }, { bio: "All." }],
      ["camelCase names", { skillTags: ["d"], hourlyRate: 1 }, { skill_tags: ["d"], hourly_rate: 1 }],
    ];
    test.each(changes)("changes %s and leaves the others", async (_why, change, result) => {
      const person = await newDeveloper(url());
      const update = (body: object) =>
        call(url(), `PUT /api/v1/users/developers/${person.userId}`, { token: person.token, body });
      expect((await update(START)).status).toBe(200);
      const before = await getProfile(person);
      expect(before).toMatchObject(START);

      const { status, body } = await update(change);
      expect({ status, body }).toEqual({ status: 200, body: MESSAGE });
      expect(await getProfile(person)).toEqual({ ...before, ...result, updated_at: TIME });
    });

    test("may be the administrator's doing", async () => {
      const person = await newDeveloper(url());
      const { token } = await signInAdmin(url());
      const request = `PUT /api/v1/users/developers/${person.userId}`;
      expect((await call(url(), request, { token, body: { bio: "Noted." } })).status).toBe(200);
      expect((await getProfile(person)).bio).toBe("Noted.");
    });

    const refused: readonly (readonly [why: string, body: unknown, refusal: Refusal])[] = [
      ["an empty body", undefined, invalid("")],
      ["an object without members", {}, invalid("")],
      ["skill_tags cleared with []", { skill_tags: [] }, invalid("skill_tags")],
      ["skill_tags cleared with null", { skill_tags: null }, invalid("skill_tags")],
      ["a field that it does not change", { rating: 5 }, invalid("rating")],
      ["the id that stands in the path", { user_id: "usr_other" }, invalid("user_id")],
    ];
    test.each(refused)("refuses %s, and changes nothing", async (_why, body, refusal) => {
      const person = await newDeveloper(url());
      const before = await getProfile(person);
      const request = `PUT /api/v1/users/developers/${person.userId}`;
      await expectRefusal(url(), request, { token: person.token, body }, refusal);
      expect(await getProfile(person)).toEqual(before);
    });

    test("is 404 for an account without a profile, whether all of it changes or a part", async () => {
      const { token, userId } = await register(url(), "DEVELOPER");
      for (const body of [{ bio: "A part." }, START]) {
        await expectRefusal(url(), `PUT /api/v1/users/developers/${userId}`, { token, body }, NOT_FOUND);
      }
    });
  });

  describe("PUT /api/v1/users/developers/{user_id}/presence", () => {
    /** What the Presence Service has been told. It hears of it beside the answer, so it is asked until it knows. */
    const toldPresence = (userId: string, status: string) =>
      vi.waitFor(
        async () => {
          const answer = await fetch(`${target().platform.services.presence.url}/api/v1/presence/${userId}`);
          expect(await answer.json()).toEqual({ user_id: userId, status, last_seen: expect.any(String) });
        },
        { timeout: 10_000, interval: 20 },
      );

    test("answers 200, shows in the profile, and is told to the Presence Service by its short name", async () => {
      const person = await newDeveloper(url());
      for (const presence of ["SEARCHING", "IDLE", "OFFLINE"]) {
        const request = `PUT /api/v1/users/developers/${person.userId}/presence`;
        const { status, body } = await call(url(), request, { token: person.token, body: { presence } });
        expect({ status, body }).toEqual({ status: 200, body: MESSAGE });
        expect((await getProfile(person)).presence).toBe(presence);
        await toldPresence(person.userId, presence);
      }
    });

    test("is told by the short name also where the client wrote the long one", async () => {
      const person = await newDeveloper(url());
      await setPresence(url(), person, "user_presence_status_idle");
      await toldPresence(person.userId, "IDLE");
    });

    test("may be the administrator's doing", async () => {
      const person = await newDeveloper(url());
      await setPresence(url(), { ...person, token: (await signInAdmin(url())).token }, "IDLE");
      expect((await getProfile(person)).presence).toBe("IDLE");
    });

    test("is 404 for an account without a profile, and nobody is told", async () => {
      const { token, userId } = await register(url(), "DEVELOPER");
      const request = `PUT /api/v1/users/developers/${userId}/presence`;
      await expectRefusal(url(), request, { token, body: { presence: "IDLE" } }, NOT_FOUND);
      const told = await fetch(`${target().platform.services.presence.url}/api/v1/presence/${userId}`);
      expect(told.status).toBe(404);
    });
  });

  describe("GET /api/v1/users/developers", () => {
    const skill = newSkill();
    const other = newSkill();
    const people: Record<string, Person> = {};
    let token: string;
    beforeAll(async () => {
      people.cheap = await newDeveloper(url(), { presence: "IDLE", skill_tags: [skill], hourly_rate: 20 });
      people.both = await newDeveloper(url(), { presence: "SEARCHING", skill_tags: [skill, other], hourly_rate: 50 });
      people.dear = await newDeveloper(url(), { presence: "SEARCHING", skill_tags: [skill], hourly_rate: 90.5 });
      people.other = await newDeveloper(url(), { presence: "IDLE", skill_tags: [other], hourly_rate: 50 });
      people.offline = await newDeveloper(url(), { skill_tags: [skill, other], hourly_rate: 50 });
      token = (await register(url(), "CLIENT")).token;
    });
    const list = async (query: string) => {
      const answer = await call(url(), `GET /api/v1/users/developers?${query}`, { token });
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      return answer;
    };
    const namesOf = (profiles: { user_id: string }[]) =>
      profiles.map(({ user_id }) => Object.keys(people).find((name) => people[name]!.userId === user_id)).sort();

    test("answers an array of whole profiles", async () => {
      const { headers, body } = await list(`skill_tags=${skill}&budget_upper_bound=30`);
      expect(body).toEqual([await getProfile(people.cheap!)]);
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect([headers.get("link"), headers.get("x-total-count")], "it is no paged list").toEqual([null, null]);
    });

    test("answers an empty array where nobody matches", async () => {
      expect((await list(`skill_tags=${newSkill()}`)).body).toEqual([]);
    });

    const rows: readonly (readonly [query: string, names: readonly string[], why: string])[] = [
      [`skill_tags=${skill}`, ["both", "cheap", "dear"], "online with the skill; the offline one is missing"],
      [`skill_tags=${other}`, ["both", "other"], "another skill"],
      [`skill_tags=${skill}&skill_tags=${other}`, ["both", "cheap", "dear", "other"], "any of the skills"],
      [`skill_tags[]=${skill}&skill_tags[]=${other}`, ["both", "cheap", "dear", "other"], "as axios writes it"],
      [`skill_tags=${skill}&skill_tags[]=${other}`, ["both", "cheap", "dear", "other"], "both spellings mixed"],
      [`skill_tags%5B%5D=${other}&skillTags=${skill}`, ["both", "cheap", "dear", "other"], "encoded, and camelCase"],
      [`skill_tags=${skill.toUpperCase()}`, ["both", "cheap", "dear"], "skills are compared without regard to case"],
      [`skill_tags=${skill}&budget_lower_bound=50`, ["both", "dear"], "at least so much, the bound included"],
      [`skill_tags=${skill}&budget_upper_bound=50`, ["both", "cheap"], "at most so much, the bound included"],
      [`skill_tags=${skill}&budget_lower_bound=20.5&budget_upper_bound=9e1`, ["both"], "between, as any JSON number"],
      [`skill_tags=${skill}&budgetLowerBound=50&limit=100`, ["both", "dear"], "camelCase, the greatest limit"],
      [`&skill_tags=${skill}&&`, ["both", "cheap", "dear"], "empty pairs are none"],
    ];
    test.each(rows)("with %s answers %j: %s", async (query, names) => {
      expect(namesOf((await list(query)).body)).toEqual(names);
    });

    test("answers at most as many as the limit says", async () => {
      expect((await list(`skill_tags=${skill}&limit=2`)).body).toHaveLength(2);
      expect((await list(`skill_tags=${skill}&limit=1`)).body).toHaveLength(1);
    });

    test("answers 50 unless told", async () => {
      const crowd = newSkill();
      const members = Array.from({ length: 51 }, () =>
        newDeveloper(url(), { presence: "IDLE", skill_tags: [crowd], hourly_rate: 1 }),
      );
      await Promise.all(members);
      expect((await list(`skill_tags=${crowd}`)).body).toHaveLength(50);
      expect((await list(`skill_tags=${crowd}&limit=100`)).body).toHaveLength(51);
    });

    test("is for those who are signed in", async () => {
      await expectRefusal(url(), "GET /api/v1/users/developers", {}, UNAUTHENTICATED);
    });

    test("shows somebody as soon as they are online, and no longer", async () => {
      const own = newSkill();
      const person = await newDeveloper(url(), { skill_tags: [own] });
      const present = async () => (await list(`skill_tags=${own}`)).body.length;
      expect(await present()).toBe(0);
      await setPresence(url(), person, "SEARCHING");
      expect(await present()).toBe(1);
      await setPresence(url(), person, "OFFLINE");
      expect(await present()).toBe(0);
    });
  });

  test("somebody else's path is 403 for every role but ADMIN", async () => {
    const person = await newDeveloper(url());
    for (const type of ["CLIENT", "DEVELOPER"] as const) {
      const { token } = await register(url(), type);
      const path = `PUT /api/v1/users/developers/${person.userId}`;
      await expectRefusal(url(), path, { token, body: { bio: "Mine." } }, ACCESS_DENIED);
      await expectRefusal(url(), `${path}/presence`, { token, body: { presence: "IDLE" } }, ACCESS_DENIED);
    }
  });
}

/** For a target whose Presence Service fails in the given way; the rest of the platform is well. */
export function presenceFailsSuite(target: Target, status: "UNAVAILABLE" | "DEADLINE_EXCEEDED"): void {
  test(`a Presence Service that fails with ${status} changes no answer, and shows in the metrics`, async () => {
    const { url } = target();
    const person = await newDeveloper(url);
    await setPresence(url, person, "SEARCHING");
    const { body } = await call(url, `GET /api/v1/users/developers/${person.userId}`, { token: person.token });
    expect(body.presence).toBe("SEARCHING");
    await vi.waitFor(
      async () => {
        const metrics = String((await call(url, "GET /metrics")).body);
        const line = metrics.split("\n").find((each) => each.includes(`service="presence-service"`));
        expect(line).toMatch(/^gateway_service_calls_total\{.*\} 1$/);
        expect(line).toContain(`status="${status}"`);
      },
      { timeout: 10_000, interval: 50 },
    );
  });
}
