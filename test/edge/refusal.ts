import { GatewayError } from "#src/errors.ts";

/** The code of the GatewayError that this throws, and its WWW-Authenticate. Throws anything else, and if nothing is. */
export async function refusalOf(step: () => unknown): Promise<{ code: string; challenge: string | undefined }> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { code: error.errorCode, challenge: error.headers["WWW-Authenticate"] };
  }
  throw new Error("it was not refused");
}
