import { runtime } from "../support/runtime.ts";

/**
 * All that workerd cannot do and Node can, as far as a client can see it, with the reason. Where a test expects
 * something else on workerd, it asks here; there is no other place for a difference.
 */
const WORKERD_CANNOT = {
  "speak gRPC": "It has no HTTP/2 client. Connect or gRPC-Web over HTTP/1.1 is what services or the bridge must take.",
  "tell a service that died over a call from one that is not there":
    'Its fetch fails with "Network connection lost." for both, as long as no head of an answer has come. So the first, ' +
    "which is a 502 on Node, is a 503 as the second is.",
  "notice a client that closes its connection":
    "It takes the end of what a client sends for just that, as HTTP allows, and notices a client that is gone by its " +
    "reset alone. So what a client that leaves in peace had asked for is done. (Before a deployed Worker stands Cloudflare's " +
    "own server, which tells it.)",
  "let a request wait for another's work":
    "I/O, and every promise that waits for it, belongs to the request that began it, and dies with it. So requests that " +
    "come before the first answer is kept each ask the service.",
} as const;

/** Whether the runtime under test lacks this. */
export function cannot(_what: keyof typeof WORKERD_CANNOT): boolean {
  return runtime === "workerd";
}
