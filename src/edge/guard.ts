import type { DescMethod, Message } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { Admission, AdmissionRequest, Admitted } from "../admission/admission.ts";
import type { Charge, Standing } from "../admission/admission-store.ts";
import type { RateLimits } from "../admission/rate-limits.ts";
import type { SeenRevocations } from "../admission/seen-revocations.ts";
import { retryAfterSeconds } from "../admission/sliding-window.ts";
import type { Caller } from "../context.ts";
import { fieldReader } from "../contract/field-reader.ts";
import type { RateSubjectField, RpcPolicy } from "../contract/policy.ts";
import { GatewayError } from "../errors.ts";
import { Access } from "../gen/policy/v1/policy_pb.ts";
import type { RefreshTokens } from "../identity/refresh-token.ts";
import type { Counter, Family } from "../telemetry/metrics.ts";
import { type Authenticate, revokedTokenError } from "./authenticate.ts";
import { authorize } from "./authorize.ts";
import type { ClientAddress } from "./client-address.ts";
import type { Exchange } from "./exchange.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";

/** A request to an rpc, as far as its guard has to know it. */
export interface GuardedCall<M extends Message> {
  readonly exchange: Exchange;
  /** Of the socket, as the runtime knows it. */
  readonly peerAddress: string | undefined;
  /** The value of the policy's self_field in the path. */
  readonly selfId: string | undefined;
  /** Answers the request message, valid, or throws what is wrong with it: size, content type, fields. */
  readonly read: () => Promise<M>;
}

/** Lets a request to an rpc through and answers its message, or throws what refuses it. Sets the exchange's caller. */
export type RpcGuard = <M extends Message>(call: GuardedCall<M>) => Promise<M>;

export interface Guards {
  /** Compiles the guard of one rpc. */
  forRpc(rpc: DescMethod, policy: RpcPolicy): RpcGuard;
  /** Counts a request that nobody has signed against its address; throws RATE_LIMIT_EXCEEDED beyond the limit. */
  countStray(exchange: Exchange, peerAddress: string | undefined): Promise<void>;
}

export interface GuardDependencies {
  readonly authenticate: Authenticate;
  readonly admission: Admission;
  readonly seen: SeenRevocations;
  readonly limits: RateLimits;
  readonly clientAddress: ClientAddress;
  readonly refreshTokens: Pick<RefreshTokens, "read">;
  /** Requests refused by a limit, by its policy. */
  readonly refusals: Family<Counter, "policy">;
}

/**
 * What stands before every rpc, in the order of contract.md section 7: token 401, limit 429, role or somebody else's
 * path 403, then what is wrong with the request itself. REST and Connect call the same one.
 *
 * The store is asked once a request: all limits and the revocation of the token travel together. For a sign-in that needs
 * the message, since the account stands in it. There the message is read first, and what is wrong with it waits until
 * the limits have been asked.
 */
export function createGuards(dependencies: GuardDependencies): Guards {
  const { admission, limits, clientAddress } = dependencies;
  const admitCharges = createAdmitStep(dependencies);

  const countStray: Guards["countStray"] = async (exchange, peerAddress) => {
    const subject = clientAddress(exchange.request.headers, peerAddress);
    await admitCharges(exchange, { charges: [{ limit: limits.anonymous, subject }] });
  };

  /** Token, limit and revocation, role: a signed-in caller's way. */
  const signedInGuard = (rpc: DescMethod, policy: RpcPolicy): RpcGuard => {
    const readsOnly = rpc.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    return async ({ exchange, peerAddress, selfId, read }) => {
      const { headers, method } = exchange.request;
      const caller = await authenticated(dependencies, headers).catch(async (refusal: unknown) => {
        await countStray(exchange, peerAddress);
        throw refusal;
      });
      exchange.caller = caller;
      const reads = readsOnly || method === "GET" || method === "HEAD";
      const charges = [{ limit: limits.user, subject: caller.userId }];
      await admitCharges(exchange, { charges, token: { ...caller, reads } });
      authorize(policy, caller, selfId);
      return read();
    };
  };

  const strangersGuard: RpcGuard = async ({ exchange, peerAddress, read }) => {
    await countStray(exchange, peerAddress);
    return read();
  };

  const signInGuard = (accountOf: AccountOf): RpcGuard => {
    return async ({ exchange, peerAddress, read }) => {
      const reading = await settled(read);
      const account = reading.ok ? await accountOf(reading.message) : undefined;
      const address = clientAddress(exchange.request.headers, peerAddress);
      exchange.signedIn = (email) => admission.acquaint(acquaintanceOf(emailSubject(email), address));
      const charges = signInCharges(limits, address, account);
      const acquaintance = account?.kind === "email" ? acquaintanceOf(account.subject, address) : undefined;
      await admitCharges(exchange, { charges, acquaintance }, (admitted) => decisiveStandings(charges, admitted));
      if (!reading.ok) throw reading.refusal;
      return reading.message;
    };
  };

  return {
    forRpc(rpc, policy) {
      if (policy.access === Access.SIGNED_IN) return signedInGuard(rpc, policy);
      if (policy.rateSubject === undefined) return strangersGuard;
      return signInGuard(accountReader(rpc, policy.rateSubject, dependencies.refreshTokens));
    },

    countStray,
  };
}

/** A token that this process has seen revoked is no better than one that never was, and asks no store. */
async function authenticated({ authenticate, seen }: GuardDependencies, headers: Headers): Promise<Caller> {
  const caller = await authenticate(headers);
  if (seen.has(caller)) throw revokedTokenError();
  return caller;
}

const WRITE_RETRY_SECONDS = 2;

/** Asks once, tells the client where it stands, and refuses in order: token, limit, and what nobody can know. */
function createAdmitStep({ admission, refusals }: GuardDependencies) {
  return async (exchange: Exchange, request: AdmissionRequest, decisive = standingsOf): Promise<void> => {
    const admitted = await admission.admit(request);
    if (admitted.token === "revoked") throw revokedTokenError();
    const standings = decisive(admitted);
    Object.assign(exchange.answerHeaders, rateLimitHeaders(standings));
    const over = standings.filter(({ allowed }) => !allowed);
    if (over.length > 0) {
      const violatedPolicies = over.map(({ limit }) => limit.name);
      for (const policy of violatedPolicies) refusals.labels({ policy }).inc();
      throw new GatewayError("RATE_LIMIT_EXCEEDED", "Too many requests: wait as long as Retry-After says.", {
        retryAfterSeconds: Math.max(...over.map(({ resetInMs }) => retryAfterSeconds(resetInMs))),
        violatedPolicies,
      });
    }
    if (admitted.token === "unknown") {
      const cause = new Error("nobody can say whether the token has been revoked");
      const options = { retryAfterSeconds: WRITE_RETRY_SECONDS, cause };
      throw new GatewayError("SERVICE_UNAVAILABLE", "Changes are not possible at the moment.", options);
    }
  };
}

function standingsOf({ standings }: Admitted): readonly Standing[] {
  return standings;
}

/** A charge of a sign-in, and whom it can refuse: an address that the account has signed in from, or another one. */
interface SignInCharge extends Charge {
  readonly against: "everybody" | "acquaintances" | "strangers";
}

/**
 * An account has its limit from all strangers together, and once more from each address that it has signed in from: so
 * whoever guesses at it from elsewhere, and be it for ever, does not lock its owner out (J-28). Nobody is told which of
 * the two limits counted. What an acquaintance does is counted for strangers as well: to know first who it is, the store
 * would have to be asked twice.
 *
 * The order is that from the narrowest to everybody's, since behind a limit that refuses nothing counts: an address
 * beyond its own limit guesses at nobody's account any more, and one that hammers an account does not use up the total.
 */
function signInCharges(limits: RateLimits, address: string, account: Account | undefined): readonly SignInCharge[] {
  const ofAddress: SignInCharge = { limit: limits.signIn, subject: address, against: "everybody" };
  if (account === undefined) return [ofAddress];
  const { kind, subject } = account;
  if (kind === "refreshToken") return [ofAddress, { limit: limits.account, subject, against: "everybody" }];
  return [
    ofAddress,
    { limit: limits.account, subject: acquaintanceOf(subject, address), against: "acquaintances" },
    { limit: limits.account, subject, against: "strangers" },
    // Only what gets as far as a password: anything cheaper would let few addresses use up what is everybody's.
    { limit: limits.signInTotal, subject: "", against: "strangers" },
  ];
}

function decisiveStandings(charges: readonly SignInCharge[], admitted: Admitted): readonly Standing[] {
  const without: SignInCharge["against"] = admitted.acquainted ? "strangers" : "acquaintances";
  return admitted.standings.filter((_standing, index) => charges[index]?.against !== without);
}

/** The same letters in another case are the same mailbox to the User Service, and must be one account here. */
function emailSubject(email: string): string {
  return `email ${email.trim().toLowerCase()}`;
}

function acquaintanceOf(accountSubject: string, address: string): string {
  return `${accountSubject} from ${address}`;
}

/** Whose account a sign-in is about. */
interface Account {
  readonly kind: RateSubjectField["kind"];
  readonly subject: string;
}

/** Undefined where the message does not say it. */
type AccountOf = (message: Message) => Promise<Account | undefined>;

function accountReader(
  rpc: DescMethod,
  { kind, field }: RateSubjectField,
  refreshTokens: Pick<RefreshTokens, "read">,
): AccountOf {
  const readField = fieldReader(rpc.input.fields.find(({ name }) => name === field)!);
  return async (message) => {
    const value = readField(message);
    if (typeof value !== "string" || value === "") return undefined;
    if (kind === "email") return { kind, subject: emailSubject(value) };
    const content = await refreshTokens.read(value);
    return content && { kind, subject: `session ${content.sessionId}` };
  };
}

type Reading<M> = { readonly ok: true; readonly message: M } | { readonly ok: false; readonly refusal: unknown };

async function settled<M>(read: () => Promise<M>): Promise<Reading<M>> {
  try {
    return { ok: true, message: await read() };
  } catch (refusal) {
    return { ok: false, refusal };
  }
}
