import type { TestProject } from "vitest/node";
import { startFailingService } from "./failing-service.ts";

/** For tests inside workerd, which cannot listen: a service in Node that fails as it is told. */
export default async function provideFailingService(project: TestProject): Promise<() => Promise<void>> {
  const service = await startFailingService();
  project.provide("failingServiceUrl", service.url);
  return service.stop;
}
