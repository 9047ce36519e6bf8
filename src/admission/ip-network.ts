/** The bytes of an IP address: 4 or 16. An IPv4 address that is written as IPv6 (::ffff:192.0.2.1) has 4. */
export type IpAddress = Uint8Array;

/** A range of addresses, as CIDR writes it. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

const IPV4_PART = /^(?:0|[1-9]\d{0,2})$/;
const IPV6_PART = /^[0-9a-f]{1,4}$/i;
const LONGEST_ADDRESS = 64;

/**
 * Reads an address. Undefined for anything else, in whatever notation: leading zeros, which some read as octal, and
 * numbers with fewer than four parts are none. A zone (`fe80::1%eth0`) is dropped. Our own, since Node's `net.isIP` and
 * `BlockList` are not everywhere.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.length > LONGEST_ADDRESS) return undefined;
  if (!text.includes(":")) return parseIpv4(text);
  const bytes = parseIpv6(text.split("%", 1)[0] ?? "");
  return bytes !== undefined && isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone. Undefined for anything else. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const [start = "", length, ...rest] = text.split("/");
  const address = parseIpAddress(start);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = address.length * 8;
  if (length === undefined) return { address, prefixLength: bits };
  if (!/^\d{1,3}$/.test(length)) return undefined;
  // The prefix of a mapped address was written for 128 bits.
  const prefixLength = Number(length) - (start.includes(":") ? 128 - bits : 0);
  return prefixLength >= 0 && prefixLength <= bits ? { address, prefixLength } : undefined;
}

export function isInNetwork(address: IpAddress, network: IpNetwork): boolean {
  if (address.length !== network.address.length) return false;
  for (let bit = 0; bit < network.prefixLength; bit += 8) {
    const index = bit >> 3;
    const mask = 0xff << Math.max(0, 8 - (network.prefixLength - bit));
    if (((address[index]! ^ network.address[index]!) & mask & 0xff) !== 0) return false;
  }
  return true;
}

/**
 * The name under which an address is counted: an IPv4 address itself, and of an IPv6 address its /64, which is the least
 * that a subscriber has: whoever counts whole addresses counts nobody.
 */
export function subjectOfAddress(address: IpAddress): string {
  if (address.length === 4) return address.join(".");
  const groups = [0, 2, 4, 6].map((index) => ((address[index]! << 8) | address[index + 1]!).toString(16));
  return `${groups.join(":")}::/64`;
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => IPV4_PART.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => bytesOfGroups(half, index === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? Uint8Array.from(head) : undefined;
  // `::` stands for at least one group.
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  return Uint8Array.from([...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail]);
}

/** The bytes of `2001:db8`, or of `ffff:192.0.2.1` at the end of an address, where IPv4 may stand. */
function bytesOfGroups(text: string, atEnd: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    const ipv4 = atEnd && index === groups.length - 1 ? parseIpv4(group) : undefined;
    if (ipv4 !== undefined) bytes.push(...ipv4);
    else if (IPV6_PART.test(group)) bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}

function isMapped(bytes: IpAddress): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}
