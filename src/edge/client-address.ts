import {
  type IpAddress,
  type IpNetwork,
  isInNetwork,
  parseIpAddress,
  subjectOfAddress,
} from "../admission/ip-network.ts";

/** Names who is counted for a request that nobody has signed. */
export type ClientAddress = (headers: Headers, peerAddress: string | undefined) => string;

/** All whose address nobody knows share one limit: better than none, and no client can bring itself there. */
const NOBODY_KNOWS = "unknown";

/**
 * Finds the address that a request comes from: the socket's peer, and where that is one of our own proxies, whom the
 * proxy says it got the request from. Each proxy adds to the right of X-Forwarded-For, so it is walked from there and
 * only as long as the one who says so is trusted: what a client has written stands to the left of its own address and
 * is never reached. (The leftmost entry, which many programs take, is whatever the client wants it to be.)
 *
 * `Forwarded` (RFC 7239) counts where there is no X-Forwarded-For. A proxy that writes only the former must remove the
 * latter, or its clients can make it up.
 */
export function createClientAddress(trustedProxies: readonly IpNetwork[]): ClientAddress {
  const isTrusted = (address: IpAddress) => trustedProxies.some((network) => isInNetwork(address, network));
  return (headers, peerAddress) => {
    let address = peerAddress === undefined ? undefined : parseIpAddress(peerAddress);
    if (address === undefined) return NOBODY_KNOWS;
    if (!isTrusted(address)) return subjectOfAddress(address);
    for (const hop of hopsOf(headers)) {
      const before = parseIpAddress(hop);
      // What a trusted proxy could not name ends the walk: what stands further left may be anybody's invention.
      if (before === undefined) break;
      address = before;
      if (!isTrusted(address)) break;
    }
    return subjectOfAddress(address);
  };
}

/** From the nearest to the farthest. */
function hopsOf(headers: Headers): readonly string[] {
  const list = headers.get("x-forwarded-for");
  const hops = list === null ? forwardedHops(headers.get("forwarded") ?? "") : list.split(",");
  return hops.map(withoutPort).reverse();
}

/**
 * The `for` of each element. Split at every comma, also at one in a quoted text: a client that opens a quote could
 * otherwise swallow what the proxy writes behind it. No address has a space in it, and no two of the expression's runs
 * of spaces stand beside each other: 15 000 spaces, tried in every division, would stop the process for some 200 ms.
 */
function forwardedHops(list: string): readonly string[] {
  if (list === "") return [];
  return list.split(",").map((element) => /(?:^|;)\s*for\s*=\s*"?([^";\s]*)"?\s*(?:;|$)/i.exec(element)?.[1] ?? "");
}

/** `192.0.2.1:4711`, `[2001:db8::1]:4711` and `[2001:db8::1]` are addresses with and without a port. */
function withoutPort(hop: string): string {
  const text = hop.trim();
  return /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}
