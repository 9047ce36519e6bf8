import type { DatabaseSync } from "node:sqlite";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type ProposalEventSchema, ProposalSchema } from "#gen/platform/orchestrator/v1/orchestrator_pb.ts";
import { type Proposal, proposalMessage } from "./proposals.ts";

/** One change of one proposal, with its place in the order of all changes. */
export interface StoredEvent {
  id: number;
  message: MessageInitShape<typeof ProposalEventSchema>;
}

/** The stored changes of proposals. */
export type ProposalEvents = ReturnType<typeof createProposalEvents>;

/** How many events are read at once: what a reader of the stream can have waiting in memory. */
const batch = 100;

/** Events in a database. Ids only ever grow, also across restarts and deletions. */
export function createProposalEvents(db: DatabaseSync) {
  const insert = db.prepare("INSERT INTO proposal_events (user_id, proposal, occurred_at) VALUES (?, ?, ?)");
  const later = db.prepare(`
    SELECT * FROM proposal_events WHERE event_id > :after AND (:userId = '' OR user_id = :userId)
    ORDER BY event_id LIMIT ${batch}`);
  const lastId = db.prepare("SELECT coalesce(max(event_id), 0) AS id FROM proposal_events");
  return {
    add(proposal: Proposal, now: number): void {
      const encoded = toBinary(ProposalSchema, create(ProposalSchema, proposalMessage(proposal)));
      insert.run(proposal.userId, encoded, now);
    },
    /** The id of the newest event, 0 if there is none. */
    lastId: () => Number(lastId.get()?.id),
    /** The next events of a developer, or of all when no id is given. */
    after(after: number, userId: string): StoredEvent[] {
      return later.all({ after, userId }).map((row) => ({
        id: Number(row.event_id),
        message: {
          eventId: String(row.event_id),
          proposal: fromBinary(ProposalSchema, row.proposal as Uint8Array),
          occurredAt: timestampFromMs(Number(row.occurred_at)),
        },
      }));
    },
  };
}
