import { Code, ConnectError, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { type Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { probeGrpc } from "../../upstream/health-probes.ts";
import type { UpstreamService } from "../../upstream/services.ts";
import { BRIDGED_SERVICES } from "./bridged-services.ts";

/** Long enough for a service that lives. */
const PROBE_TIMEOUT_MS = 2_000;

/**
 * gRPC's health service, for all the services behind at once. Passing it on by its path is impossible, since every
 * service has the same; so a caller names the one it means (`platform.users.v1.UserService`), which is then asked. No
 * name is the bridge itself.
 */
export function createHealth(
  transports: Readonly<Record<UpstreamService, Transport>>,
): Partial<ServiceImpl<typeof Health>> {
  const named = new Map(
    Object.entries(BRIDGED_SERVICES).map(([key, { typeName }]) => [typeName, transports[key as UpstreamService]]),
  );
  return {
    async check({ service }) {
      if (service === "") return { status: ServingStatus.SERVING };
      const transport = named.get(service);
      if (transport === undefined) throw new ConnectError("The bridge knows no such service.", Code.NotFound);
      const serves = await probeGrpc(transport, PROBE_TIMEOUT_MS).then(
        () => true,
        () => false,
      );
      return { status: serves ? ServingStatus.SERVING : ServingStatus.NOT_SERVING };
    },
  };
}
