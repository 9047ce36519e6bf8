/**
 * What an entity tag costs: ours against SHA-256 of WebCrypto, of a Task and of a list of 50 as text.
 *
 *     npx node bench/entity-tag.ts
 *
 * One at a time, as a quiet gateway meets them, and 32 at once: WebCrypto digests on another thread, and alone a request
 * pays for the way there and back. CPU is the whole process's, other threads included. Rounds alternate and the best of
 * each counts: a shared machine only ever adds time.
 *
 * Measured on 2 shared cores, Node 24.21, in µs of CPU a tag:
 *
 *                          ours   SHA-256
 *     one Task, alone       2.1     9.8
 *     one Task, 32 at once  1.8     7.4
 *     50 Tasks, alone      18.1    29.7
 *     50 Tasks, 32 at once 18.3    27.3
 */
import { entityTag } from "../src/rest/entity-tag.ts";

const ROUNDS = 15;
const AT_ONCE = 32;
const utf8 = new TextEncoder();

const TASK = JSON.stringify({
  task: {
    task_id: "task-1",
    client_id: "user-7f3a9c",
    title: "Port the billing service to TypeScript",
    description: 'The service has 40 endpoints and a Postgres schema. Tests exist; the "invoices" part is unclear.',
    skill_tags: ["typescript", "grpc", "postgres"],
    budget_lower_bound: 1500,
    budget_upper_bound: 4200.5,
    repository_url: "https://github.com/example/billing",
    status: "OPEN",
    created_at: "2025-10-09T08:53:20.123Z",
    updated_at: "2025-10-09T09:01:40Z",
  },
});

async function sha256(body: string, headers: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(`${headers}\n${body}`)));
  return `"${btoa(String.fromCharCode(...digest.subarray(0, 16))).slice(0, 22)}"`;
}

type Tag = (body: string, headers: string) => string | Promise<string>;

async function measure(tag: Tag, body: string, calls: number, atOnce: number): Promise<{ us: number; cpuUs: number }> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  for (let from = 0; from < calls; from += atOnce) {
    // A new text each time: V8 remembers what it has hashed or flattened.
    const tags = Array.from({ length: atOnce }, (_, index) => tag(`${body}${from + index}`, "application/json"));
    for (const each of await Promise.all(tags)) if (each.length < 3) throw new Error("no tag");
  }
  const us = ((performance.now() - start) * 1000) / calls;
  const { user, system } = process.cpuUsage(cpu);
  return { us, cpuUs: (user + system) / calls };
}

const bodies = { "one Task": [TASK, 3_200], "50 Tasks": [`[${Array(50).fill(TASK).join(",")}]`, 320] } as const;
for (const [name, [body, calls]] of Object.entries(bodies)) {
  for (const atOnce of [1, AT_ONCE]) {
    for (const [whose, tag] of [
      ["ours", entityTag],
      ["SHA-256", sha256],
    ] as const) {
      let us = Number.POSITIVE_INFINITY;
      let cpuUs = Number.POSITIVE_INFINITY;
      for (let round = 0; round < ROUNDS; round++) {
        const took = await measure(tag, body, calls, atOnce);
        us = Math.min(us, took.us);
        cpuUs = Math.min(cpuUs, took.cpuUs);
      }
      process.stdout.write(
        `${name}, ${atOnce} at once, ${whose}: ${us.toFixed(1)} µs, ${cpuUs.toFixed(1)} µs of CPU\n`,
      );
    }
  }
}
