import type { PlainHeaders } from "./response-headers.ts";

/** An answer, rendered, and no Response yet: what that is made of can still be looked at without reading it back. */
export interface RenderedAnswer {
  readonly status: number;
  readonly headers: PlainHeaders | Headers;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

export function toResponse({ body, status, headers }: RenderedAnswer): Response {
  return new Response(body, { status, headers });
}
