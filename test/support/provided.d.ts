import "vitest";

/** What global set-ups in Node provide for tests inside workerd, which cannot listen or start anything. */
declare module "vitest" {
  interface ProvidedContext {
    ingestPort: number;
    /** Upstash's protocol in front of a real Redis. Undefined where no redis-server is installed. */
    upstash: { readonly url: string; readonly token: string } | undefined;
    /** A server in Upstash's place that begins an answer under `/body` and none elsewhere, and ends neither. */
    hangingUrl: string;
  }
}
