import protobuf from "protobufjs";

// The platform's wire contract a second time, typed from the contract document's tables and not from our .proto files:
// what both say is what deployed services speak. Read by protobufjs, which shares no code with what the gateway uses.

export interface PackageTable {
  /** Enum → its values without the prefix; 0 is …_UNSPECIFIED. */
  readonly enums?: Readonly<Record<string, string>>;
  /** Message → `number:name type`, separated by `·`. */
  readonly messages?: Readonly<Record<string, string>>;
  readonly service?: {
    readonly name: string;
    /** Method, request, response. */
    readonly methods: readonly (readonly [name: string, request: string, response: string])[];
  };
}

export const CONTRACT: Readonly<Record<string, PackageTable>> = {
  "platform.common.v1": {
    enums: {
      UserPresenceStatus: "OFFLINE=1 IDLE=2 SEARCHING=3",
      TaskLifecycleStatus: "OPEN=1 ASSIGNED=2 PAUSED=3 COMPLETED=4 CANCELLED=5",
      ProposalState: "PROPOSED=1 DELIVERED=2 ACCEPTED=3 REJECTED=4 EXPIRED=5",
      UserType: "CLIENT=1 DEVELOPER=2 ADMIN=3",
    },
  },
  "platform.users.v1": {
    service: {
      name: "UserService",
      methods: [
        ["CreateDeveloperProfile", "CreateDeveloperProfileRequest", "CreateDeveloperProfileResponse"],
        ["UpdateDeveloperProfile", "UpdateDeveloperProfileRequest", "Empty"],
        ["UpdatePresence", "UpdatePresenceRequest", "Empty"],
        ["ListOnlineDevelopers", "ListOnlineDevelopersRequest", "ListOnlineDevelopersResponse"],
        ["CreateUser", "CreateUserRequest", "CreateUserResponse"],
        ["AuthenticateUser", "AuthenticateUserRequest", "AuthenticateUserResponse"],
        ["GetUser", "GetUserRequest", "GetUserResponse"],
        ["GetDeveloperProfile", "GetDeveloperProfileRequest", "GetDeveloperProfileResponse"],
      ],
    },
    messages: {
      DeveloperProfile:
        "1:user_id string · 2:display_name string · 3:email string · 4:skill_tags repeated string · 5:hourly_rate double · 6:rating double · 7:presence UserPresenceStatus · 8:updated_at Timestamp · 9:bio string · 10:links repeated string",
      CreateDeveloperProfileRequest:
        "1:display_name string · 2:email string · 3:skill_tags repeated string · 4:hourly_rate double · 5:user_id string",
      CreateDeveloperProfileResponse: "1:profile DeveloperProfile",
      UpdateDeveloperProfileRequest:
        "1:user_id string · 2:skill_tags repeated string · 3:hourly_rate double · 4:bio string · 5:links repeated string",
      UpdatePresenceRequest: "1:user_id string · 2:presence UserPresenceStatus",
      ListOnlineDevelopersRequest:
        "1:skill_tags repeated string · 2:budget_lower_bound double · 3:budget_upper_bound double · 4:limit uint32",
      ListOnlineDevelopersResponse: "1:developers repeated DeveloperProfile",
      User: "1:user_id string · 2:email string · 3:display_name string · 4:user_type UserType · 5:email_verified bool · 6:created_at Timestamp · 7:updated_at Timestamp · 8:last_login Timestamp",
      CreateUserRequest: "1:email string · 2:password string · 3:display_name string · 4:user_type UserType",
      AuthenticateUserRequest: "1:email string · 2:password string",
      GetUserRequest: "1:user_id string",
      GetDeveloperProfileRequest: "1:user_id string",
      CreateUserResponse: "1:user User",
      AuthenticateUserResponse: "1:user User",
      GetUserResponse: "1:user User",
      GetDeveloperProfileResponse: "1:profile DeveloperProfile",
    },
  },
  "platform.tasks.v1": {
    service: {
      name: "TaskService",
      methods: [
        ["CreateTask", "CreateTaskRequest", "CreateTaskResponse"],
        ["UpdateTask", "UpdateTaskRequest", "Empty"],
        ["GetTask", "GetTaskRequest", "GetTaskResponse"],
        ["ListTasks", "ListTasksRequest", "ListTasksResponse"],
        ["DeleteTask", "DeleteTaskRequest", "Empty"],
      ],
    },
    messages: {
      Task: "1:task_id string · 2:client_id string · 3:title string · 4:description string · 5:skill_tags repeated string · 6:budget_lower_bound double · 7:budget_upper_bound double · 8:repository_url string · 9:status TaskLifecycleStatus · 10:created_at Timestamp · 11:updated_at Timestamp · 12:assignee_id string",
      CreateTaskRequest:
        "1:client_id string · 2:title string · 3:description string · 4:skill_tags repeated string · 5:budget_lower_bound double · 6:budget_upper_bound double · 7:repository_url string · 8:priority uint32",
      CreateTaskResponse: "1:task Task",
      GetTaskResponse: "1:task Task",
      UpdateTaskRequest:
        "1:task_id string · 2:title string · 3:description string · 4:skill_tags repeated string · 5:budget_lower_bound double · 6:budget_upper_bound double · 7:repository_url string · 8:status TaskLifecycleStatus",
      GetTaskRequest: "1:task_id string",
      DeleteTaskRequest: "1:task_id string",
      ListTasksRequest:
        "1:client_id string · 2:status TaskLifecycleStatus · 3:skill_tags repeated string · 4:limit uint32 · 5:offset uint32 · 6:assignee_id string",
      ListTasksResponse: "1:tasks repeated Task · 2:total_count uint32",
    },
  },
  "platform.matching.v1": {
    service: {
      name: "RecommendationService",
      methods: [
        ["ScoreTaskCandidates", "ScoreTaskCandidatesRequest", "ScoreTaskCandidatesResponse"],
        ["BatchScoreTaskCandidates", "BatchScoreTaskCandidatesRequest", "BatchScoreTaskCandidatesResponse"],
        ["PrecomputeSimilarities", "PrecomputeSimilaritiesRequest", "Empty"],
        ["UpsertEmbedding", "UpsertEmbeddingRequest", "Empty"],
        ["FilterCandidates", "FilterCandidatesRequest", "FilterCandidatesResponse"],
        ["Health", "Empty", "HealthResponse"],
      ],
    },
    messages: {
      TaskContext:
        "1:task_id string · 2:skill_tags repeated string · 3:budget_lower_bound double · 4:budget_upper_bound double · 5:title string · 6:description string · 7:locale string · 8:priority uint32 · 9:embedding_vector repeated float · 10:created_at Timestamp · 11:metadata map<string,string>",
      CandidateContext:
        "1:user_id string · 2:skill_tags repeated string · 3:hourly_rate double · 4:rating double · 5:response_rate double · 6:acceptance_rate double · 7:avg_response_time_hours double · 8:embedding_vector repeated float · 9:last_active_at Timestamp · 10:timezone string · 11:preferred_domains repeated string · 12:skill_confidence map<string,double>",
      ScoreTaskCandidatesRequest:
        "1:task TaskContext · 2:candidates repeated CandidateContext · 3:limit uint32 · 4:strategy ScoringStrategy · 5:weights map<string,double>",
      ScoringStrategy: "1:name string · 2:parameters map<string,double>",
      CandidateScore: "1:user_id string · 2:score double · 3:breakdown ScoreBreakdown · 4:reasons repeated string",
      ScoreBreakdown:
        "1:skill_match_score double · 2:embedding_similarity double · 3:rating_score double · 4:responsiveness_score double · 5:availability_score double · 6:price_compatibility double · 7:diversity_bonus double",
      ScoreTaskCandidatesResponse: "1:scores repeated CandidateScore · 2:metadata ScoringMetadata",
      ScoringMetadata:
        "1:total_candidates_evaluated int32 · 2:scoring_duration_ms int64 · 3:strategy_used string · 4:weights_applied map<string,double>",
      BatchScoreTaskCandidatesRequest: "1:requests repeated ScoreTaskCandidatesRequest",
      BatchScoreTaskCandidatesResponse: "1:responses repeated ScoreTaskCandidatesResponse",
      FilterCandidatesRequest: "1:task TaskContext · 2:candidate_user_ids repeated string · 3:criteria FilterCriteria",
      FilterCriteria:
        "1:min_rating double · 2:max_hourly_rate double · 3:required_skills repeated string · 4:excluded_skills repeated string · 5:online_only bool · 6:max_hours_since_active int32 · 7:timezone_preference string",
      FilterCandidatesResponse: "1:filtered_user_ids repeated string · 2:total_filtered int32",
      PrecomputeSimilaritiesRequest: "1:user_ids repeated string · 2:force_recompute bool",
      UpsertEmbeddingRequest:
        "1:entity_id string · 2:entity_type string · 3:embedding repeated float · 4:updated_at Timestamp · 5:metadata map<string,string>",
      HealthResponse: "1:healthy bool · 2:status string · 3:checks map<string,string>",
    },
  },
  "platform.orchestrator.v1": {
    service: {
      name: "OrchestratorService",
      methods: [
        ["StartMatching", "StartMatchingRequest", "StartMatchingResponse"],
        ["ListProposals", "ListProposalsRequest", "ListProposalsResponse"],
        ["RespondToProposal", "RespondToProposalRequest", "RespondToProposalResponse"],
        ["WatchProposals", "WatchProposalsRequest", "stream ProposalEvent"],
      ],
    },
    messages: {
      Proposal:
        "1:proposal_id string · 2:task_id string · 3:user_id string · 4:score double · 5:strategy string · 6:state ProposalState · 7:proposed_at Timestamp · 8:expires_at Timestamp · 9:responded_at Timestamp · 10:reason string · 11:task_title string",
      StartMatchingRequest: "1:task_id string · 2:limit uint32 · 3:strategy string",
      StartMatchingResponse: "1:proposals repeated Proposal",
      ListProposalsRequest:
        "1:user_id string · 2:task_id string · 3:state ProposalState · 4:limit uint32 · 5:offset uint32",
      ListProposalsResponse: "1:proposals repeated Proposal · 2:total_count uint32",
      RespondToProposalRequest: "1:proposal_id string · 2:user_id string · 3:accept bool · 4:reason string",
      RespondToProposalResponse: "1:proposal Proposal",
      WatchProposalsRequest: "1:user_id string · 2:after_event_id string",
      ProposalEvent: "1:event_id string · 2:proposal Proposal · 3:occurred_at Timestamp",
    },
  },
};

/** The well-known types that the tables name, as protobuf's own documentation has them. */
const WELL_KNOWN = "message Timestamp { int64 seconds = 1; int32 nanos = 2; } message Empty {}";

/** The tables as protobufjs understands them. */
export function loadContract(): protobuf.Root {
  const root = new protobuf.Root();
  const add = (name: string, body: string) =>
    protobuf.parse(`syntax = "proto3"; package ${name}; ${body}`, root, { keepCase: true });
  add("google.protobuf", WELL_KNOWN);
  for (const [name, { enums = {}, messages = {} }] of Object.entries(CONTRACT)) {
    add(name, [...Object.entries(enums).map(enumText), ...Object.entries(messages).map(messageText)].join("\n"));
  }
  root.resolveAll();
  return root;
}

/** The value names of an enum as they are on the wire, e.g. `USER_TYPE_ADMIN` → 3. */
export function enumValues(name: string, values: string): Record<string, number> {
  const prefix = name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  const named = values.split(" ").map((value) => value.split("=") as [string, string]);
  return Object.fromEntries([["UNSPECIFIED", "0"] as const, ...named].map(([n, v]) => [`${prefix}_${n}`, Number(v)]));
}

/** Where a type that a table names by its short name stands. */
export function fullName(type: string): string {
  if (type === "Timestamp" || type === "Empty") return `google.protobuf.${type}`;
  const found = Object.entries(CONTRACT).find(
    ([, { enums, messages }]) => enums?.[type] !== undefined || messages?.[type] !== undefined,
  );
  if (found === undefined) throw new Error(`no table has ${type}`);
  return `${found[0]}.${type}`;
}

const SCALARS = new Set(["string", "double", "float", "bool", "uint32", "int32", "int64"]);

export interface ContractField {
  readonly number: number;
  readonly name: string;
  /** `string`, `repeated float`, `map<string,double>`, or a full type name, which `repeated` may stand before. */
  readonly type: string;
}

/** Reads a message's line of the tables. */
export function fieldsOf(line: string): ContractField[] {
  return line.split(" · ").map((field) => {
    const [, number, name, repeated = "", type] = /^(\d+):(\w+) (repeated )?(\S+)$/.exec(field) ?? [];
    if (type === undefined) throw new Error(`not a field: ${field}`);
    const plain = SCALARS.has(type) || type.startsWith("map<");
    return { number: Number(number), name: name!, type: repeated + (plain ? type : fullName(type)) };
  });
}

function enumText([name, values]: [string, string]): string {
  const lines = Object.entries(enumValues(name, values)).map(([value, number]) => `${value} = ${number};`);
  return `enum ${name} { ${lines.join(" ")} }`;
}

function messageText([name, line]: [string, string]): string {
  const lines = fieldsOf(line).map((field) => `${field.type} ${field.name} = ${field.number};`);
  return `message ${name} { ${lines.join(" ")} }`;
}
