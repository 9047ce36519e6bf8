import type { DatabaseSync } from "node:sqlite";
import { createProposalEvents } from "./orchestrator/proposal-events.ts";
import { createProposals } from "./orchestrator/proposals.ts";
import { createPresenceRecords } from "./presence/presence-records.ts";
import { createEmbeddings } from "./recommendation/embeddings.ts";
import { createTasks } from "./tasks/tasks.ts";
import { createAccounts } from "./users/accounts.ts";
import { createProfiles } from "./users/profiles.ts";

/** All that the platform keeps. */
export type Stores = ReturnType<typeof createStores>;

/** Every store, on one database: the deployed services ask each other, these read each other's tables. */
export function createStores(db: DatabaseSync) {
  return {
    accounts: createAccounts(db),
    profiles: createProfiles(db),
    tasks: createTasks(db),
    embeddings: createEmbeddings(db),
    proposals: createProposals(db),
    events: createProposalEvents(db),
    records: createPresenceRecords(db),
  };
}
