import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Machines are shared and slow at times: a hang must fail, a slow moment must not.
const patience = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...patience,
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/workerd/**", "test/workers/**"],
          provide: { runtime: "node" },
        },
      },
      // The black-box suites once more, with the Worker that is deployed, in workerd, in the Node gateway's place; and
      // what is to be said of that Worker alone.
      {
        test: {
          ...patience,
          name: "workerd",
          include: ["test/black-box/**/*.test.ts", "test/workerd/**/*.test.ts"],
          globalSetup: ["test/support/provide-worker-bundle.ts"],
          provide: { runtime: "workerd" },
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { JWT_SECRET: "0f4d1c7b9a2e6358d7c1b0a9f8e7d6c5b4a39281" } },
          }),
        ],
        test: {
          ...patience,
          name: "workers",
          include: ["test/workers/**/*.test.ts"],
          globalSetup: [
            "test/support/provide-ingest.ts",
            "test/support/provide-failing-service.ts",
            "test/support/provide-bridged-service.ts",
            "test/support/provide-upstash.ts",
          ],
        },
      },
    ],
  },
});
