import { demoClients, demoDevelopers, demoPassword } from "./demo/demo-data.ts";
import type { PlatformOptions, RunningPlatform } from "./platform.ts";
import { serviceNames, services } from "./services.ts";

/** What whoever started the platform wants to know: addresses, state, and how to sign in. */
export function describePlatform(platform: RunningPlatform, options: PlatformOptions): string {
  const lines = serviceNames.map((name) => {
    const speaks = name === "presence" ? "HTTP/JSON" : "gRPC, gRPC-Web, Connect";
    return line(services[name].label, `${platform.services[name].url}  (${speaks})`);
  });
  lines.push(line("state", options.databaseFile ?? "in memory; PLATFORM_DB keeps it in a file"));
  const { email, password, generated } = platform.admin;
  // A password that somebody chose is theirs to know.
  lines.push(line("administrator", generated ? `${email}  password ${password}  (made up for this run)` : email));
  if (options.seed) {
    const people = [...demoClients, ...demoDevelopers].map(({ id }) => id).join(", ");
    lines.push(line("demo accounts", `<name>@demo.devmatch.example  password ${demoPassword}`), line("", people));
  }
  return `DevMatch platform stand-in, for development\n\n${lines.join("\n")}\n`;
}

function line(label: string, value: string): string {
  return `  ${label.padEnd(24)}${value}`;
}
