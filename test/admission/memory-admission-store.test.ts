import { describe } from "vitest";
import { MemoryAdmissionStore } from "#src/admission/memory-admission-store.ts";
import { MemorySessionStore } from "#src/identity/memory-session-store.ts";
import { limiterSuite } from "../suites/limiter-suite.ts";

describe("in memory", () => {
  limiterSuite(async (now) => {
    const sessions = new MemorySessionStore({ now, accessLifetimeSeconds: 60 });
    return {
      store: new MemoryAdmissionStore(now, sessions),
      revoke: (tokenId, expiresAtSeconds) => sessions.revokeToken(tokenId, expiresAtSeconds),
      close: async () => {},
    };
  });
});
