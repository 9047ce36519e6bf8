import { expect, test } from "vitest";
import { platformOptionsFromEnv, StartError } from "#platform/platform.ts";

test("nothing set is every default", () => {
  expect(platformOptionsFromEnv({ PLATFORM_DB: "", PATH: "/bin" })).toEqual({ ports: {}, admin: {} });
});

test("every variable has its option", () => {
  const env = {
    PLATFORM_HOST: "0.0.0.0",
    PLATFORM_USER_PORT: "1",
    PLATFORM_TASK_PORT: "2",
    PLATFORM_RECOMMENDATION_PORT: "3",
    PLATFORM_ORCHESTRATOR_PORT: "0",
    PLATFORM_PRESENCE_PORT: "65535",
    PLATFORM_DB: "platform.db",
    PLATFORM_ADMIN_EMAIL: "boss@test.example",
    PLATFORM_ADMIN_PASSWORD: "Correct-horse-1",
    PLATFORM_SEED: "demo",
    LOG_LEVEL: "WARN",
  };
  expect(platformOptionsFromEnv(env)).toEqual({
    host: "0.0.0.0",
    ports: { users: 1, tasks: 2, recommendation: 3, orchestrator: 0, presence: 65_535 },
    databaseFile: "platform.db",
    admin: { email: "boss@test.example", password: "Correct-horse-1" },
    seed: true,
    logLevel: "warn",
  });
});

test("every wrong variable is named at once, and no value is shown", () => {
  const env = {
    PLATFORM_USER_PORT: "65536",
    PLATFORM_TASK_PORT: "-1",
    PLATFORM_PRESENCE_PORT: "8080x",
    PLATFORM_ADMIN_EMAIL: "boss",
    PLATFORM_ADMIN_PASSWORD: "short",
    PLATFORM_SEED: "production",
    LOG_LEVEL: "loud",
  };
  let message = "";
  try {
    platformOptionsFromEnv(env);
  } catch (error) {
    expect(error).toBeInstanceOf(StartError);
    message = (error as StartError).message;
  }
  for (const name of Object.keys(env)) expect(message).toContain(name);
  for (const value of Object.values(env)) expect(message.split(/[ ;]+/)).not.toContain(value);
});
