/** Upstash's protocol in front of a real Redis: provide-upstash.ts. */
export interface ProvidedUpstash {
  readonly url: string;
  readonly token: string;
}

// What the Workers' project is given by programs that run in Node. Here, since its own types know nothing of Node's.
declare module "vitest" {
  interface ProvidedContext {
    /** provide-ingest.ts */
    ingestPort: number;
    /** Undefined where no redis-server is installed. */
    upstash: ProvidedUpstash | undefined;
    /** A server in Upstash's place that begins an answer under `/body` and none elsewhere, and ends neither. */
    hangingUrl: string;
  }
}
