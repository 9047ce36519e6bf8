import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../gen/grpc/health/v1/health_pb.ts";

/**
 * Rejects unless the service behind the transport is up. Most of the platform's services do not serve
 * grpc.health.v1: that they say so (UNIMPLEMENTED) proves that they are there.
 */
export async function probeGrpc(transport: Transport, timeoutMs: number): Promise<void> {
  try {
    const answer = await transport.unary(Health.method.check, undefined, timeoutMs, undefined, { service: "" });
    if (answer.message.status !== ServingStatus.SERVING) throw new Error("not serving");
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.Unimplemented) return;
    throw error;
  }
}
