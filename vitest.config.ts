import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Machines are shared and slow at times: a hang must fail, a slow moment must not.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
