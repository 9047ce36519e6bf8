import { type Administrator, chooseAdministrator, ensureAdministrator } from "./administrator.ts";
import { createServices } from "./create-services.ts";
import { openDatabase } from "./database/open-database.ts";
import { seedDemo } from "./demo/seed.ts";
import { createLogger, writeJsonLine } from "./logger.ts";
import { type RunningService, runService } from "./net/running-service.ts";
import type { PlatformOptions } from "./options.ts";
import { type ServiceName, serviceNames, services } from "./services.ts";
import { createStores } from "./stores.ts";
import { createPasswords, defaultScryptCost } from "./users/passwords.ts";

export type { RunningService } from "./net/running-service.ts";
export type { PlatformOptions } from "./options.ts";
export { platformOptionsFromEnv } from "./options-from-env.ts";
export { type ServiceName, serviceNames } from "./services.ts";
export { StartError } from "./start-error.ts";

/** A platform that answers. */
export interface RunningPlatform<Services = Record<ServiceName, RunningService>> {
  readonly services: Readonly<Services>;
  readonly admin: Administrator;
  /** Stops every service and closes the database. */
  stop(): Promise<void>;
}

/**
 * Starts a small working DevMatch and settles when all of it answers; if a part cannot start, none stays. With `only`
 * the others are missing from `services`, and their types say so.
 */
export async function startPlatform(options?: PlatformOptions & { only?: undefined }): Promise<RunningPlatform>;
export async function startPlatform(
  options: PlatformOptions,
): Promise<RunningPlatform<Partial<Record<ServiceName, RunningService>>>>;
export async function startPlatform(
  options: PlatformOptions = {},
): Promise<RunningPlatform<Partial<Record<ServiceName, RunningService>>>> {
  const { host = "127.0.0.1", only = serviceNames, ports = {}, now = Date.now } = options;
  const { logLevel = "info", log = writeJsonLine, scryptCost = defaultScryptCost } = options;
  const db = openDatabase(options.databaseFile);
  const running: Partial<Record<ServiceName, RunningService>> = {};
  async function stop(): Promise<void> {
    await Promise.all(Object.values(running).map((service) => service.stop()));
    if (db.isOpen) db.close();
  }
  try {
    const stores = createStores(db);
    const passwords = createPasswords(scryptCost);
    const admin = chooseAdministrator(options.admin);
    await ensureAdministrator(admin, { accounts: stores.accounts, passwords, now: now() });
    if (options.seed) await seedDemo(db, stores, passwords);
    const create = createServices({ ...stores, db, passwords, now });
    for (const name of only) {
      const { label, port: usual, portVariable } = services[name];
      const service = create[name](createLogger(label, logLevel, log));
      running[name] = await runService({ ...service, host, port: ports[name] ?? usual, label, portVariable });
    }
    return { services: running, admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
