import { onTestFinished } from "vitest";
import {
  type PlatformOptions,
  type RunningPlatform,
  type ServiceName,
  serviceNames,
  startPlatform,
} from "#platform/platform.ts";

/** An administrator that tests can sign in as. */
export const testAdmin = { email: "admin@test.example", password: "Correct-horse-1" };

/** A platform of a test's own, and what it has logged. */
export interface TestPlatform extends RunningPlatform {
  readonly log: Record<string, unknown>[];
}

/** Options for a platform that is in nobody's way: system-chosen ports on 127.0.0.1, and passwords that cost nothing. */
export function testOptions(log: object[] = []): PlatformOptions & { only?: undefined } {
  const ports = Object.fromEntries(serviceNames.map((name) => [name, 0])) as Record<ServiceName, number>;
  return { ports, admin: testAdmin, scryptCost: 2 ** 10, log: (entry) => log.push(entry) };
}

/** Starts a platform that stops when the test has finished. */
export async function startTestPlatform(options: PlatformOptions & { only?: undefined } = {}): Promise<TestPlatform> {
  const log: Record<string, unknown>[] = [];
  const platform = await startPlatform({ ...testOptions(log), ...options });
  onTestFinished(() => platform.stop());
  return { ...platform, log };
}
