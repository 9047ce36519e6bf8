import { describe, expect, test } from "vitest";
import { isInNetwork, parseIpAddress, parseIpNetwork, subjectOfAddress } from "#src/admission/ip-network.ts";

const subjectOf = (text: string) => {
  const address = parseIpAddress(text);
  return address && subjectOfAddress(address);
};

describe("who is counted", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1", "IPv4 is counted by address"],
    ["0.0.0.0", "0.0.0.0", "the first"],
    ["255.255.255.255", "255.255.255.255", "and the last"],
    ["::ffff:192.0.2.1", "192.0.2.1", "IPv4 written as IPv6, as sockets that listen on both say it"],
    ["::FFFF:c000:201", "192.0.2.1", "and in hexadecimal"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1", "and in full"],
    ["2001:db8::1", "2001:db8:0:0::/64", "IPv6 by the least that a subscriber has"],
    ["2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8:0:0::/64", "whatever the other half is"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8:0:0::/64", "however it is written"],
    ["2001:db8:0:1::", "2001:db8:0:1::/64", "the next network is another"],
    ["::", "0:0:0:0::/64", "nothing but zeros"],
    ["::1", "0:0:0:0::/64", "the loopback"],
    ["fe80::1%eth0", "fe80:0:0:0::/64", "a zone is this machine's own affair"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64", "IPv4 at the end of another prefix is IPv6"],
  ])("%s is %s: %s", (text, subject) => {
    expect(subjectOf(text)).toBe(subject);
  });

  test.each([
    ["", "nothing"],
    ["unknown", "a word"],
    ["192.0.2", "three parts, which some read as 192.0.0.2"],
    ["192.0.2.1.5", "five"],
    ["192.0.2.256", "beyond a byte"],
    ["192.0.2.01", "a leading zero, which some read as octal"],
    ["0xc0.0.2.1", "hexadecimal"],
    ["3221225985", "one number"],
    ["192.0.2.-1", "a sign"],
    ["192.0.2.1 ", "a space"],
    ["1:2:3:4:5:6:7", "seven groups"],
    ["1:2:3:4:5:6:7:8:9", "nine"],
    ["1:2:3:4:5:6:7::8", "a gap for nothing"],
    ["1::2::3", "two gaps"],
    [":1:2:3:4:5:6:7", "an empty group at the start"],
    ["1:2:3:4:5:6:7:", "and at the end"],
    [":::", "three colons"],
    ["12345::", "five digits"],
    ["g::", "no digit"],
    ["192.0.2.1::", "IPv4 where none may stand"],
    ["::192.0.2.1:1", "nor here"],
    ["::ffff:192.0.2.256", "a bad one at its place"],
    [`${"0".repeat(100)}::`, "more than any address has"],
  ])("%j is no address: %s", (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });
});

describe("networks", () => {
  test.each([
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.1.2.3/8", "10.9.9.9", true],
    ["172.16.0.0/12", "172.31.255.255", true],
    ["172.16.0.0/12", "172.32.0.0", false],
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["192.0.2.0/31", "192.0.2.1", true],
    ["192.0.2.0/31", "192.0.2.2", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/33", "2001:db8:7fff::", true],
    ["2001:db8::/33", "2001:db8:8000::", false],
    ["::1", "::1", true],
    ["::/0", "192.0.2.1", false],
    ["::ffff:10.0.0.0/104", "10.1.1.1", true],
    ["10.0.0.0/8", "::ffff:10.1.1.1", true],
  ])("%s has %s: %s", (network, address, expected) => {
    expect(isInNetwork(parseIpAddress(address)!, parseIpNetwork(network)!)).toBe(expected);
  });

  test.each([
    "",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "::/129",
    "::ffff:10.0.0.0/8",
    "x/8",
    "10/8",
  ])("%j is none", (text) => {
    expect(parseIpNetwork(text)).toBeUndefined();
  });
});
