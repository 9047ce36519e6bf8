import type { Http2SessionManager } from "@connectrpc/connect-node";

/** RFC 9113, section 6.5.2, recommends that a peer allows no fewer at once; some allow no more. */
const STREAMS_PER_SESSION = 100;

/** What a transport needs of a session, or of several. */
type Sessions = Pick<Http2SessionManager, "authority" | "request" | "notifyResponseByteRead">;
type Session = Sessions & Pick<Http2SessionManager, "abort">;
type Stream = Awaited<ReturnType<Sessions["request"]>>;

/**
 * As many sessions as its streams need. Of what is beyond a peer's limit nobody hears: node:http2 keeps it until another
 * stream of the session ends, and a stream of events may not end for a quarter of an hour.
 */
export class SessionPool implements Session {
  readonly authority: string;
  readonly #open: () => Session;
  readonly #members: { readonly session: Session; streams: number }[] = [];
  readonly #owners = new WeakMap<Stream, Session>();

  constructor(url: string, open: () => Session) {
    this.authority = new URL(url).origin;
    this.#open = open;
  }

  async request(...args: Parameters<Session["request"]>): Promise<Stream> {
    const member = this.#members.find(({ streams }) => streams < STREAMS_PER_SESSION) ?? this.#add();
    member.streams += 1;
    try {
      const stream = await member.session.request(...args);
      this.#owners.set(stream, member.session);
      stream.once("close", () => {
        member.streams -= 1;
      });
      return stream;
    } catch (error) {
      member.streams -= 1;
      throw error;
    }
  }

  notifyResponseByteRead(stream: Stream): void {
    this.#owners.get(stream)?.notifyResponseByteRead(stream);
  }

  abort(): void {
    for (const { session } of this.#members) session.abort();
  }

  #add() {
    const member = { session: this.#open(), streams: 0 };
    this.#members.push(member);
    return member;
  }
}
