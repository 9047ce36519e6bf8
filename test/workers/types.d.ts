import type { Bindings } from "../../src/workers/bindings.ts";

/** What the runtime's types are told of this Worker. */
declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: typeof import("../../src/workers/worker.ts");
    }
    interface Env extends Bindings {}
  }
}
