import { unstable_readConfig } from "wrangler";

/** What wrangler makes of wrangler.toml, as far as tests look at it. */
export interface WranglerConfig {
  readonly name: string;
  readonly main: string;
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
  readonly minify: boolean | undefined;
  readonly upload_source_maps: boolean | undefined;
  readonly observability: { readonly enabled?: boolean } | undefined;
  readonly secrets?: { readonly required?: readonly string[] } | undefined;
  readonly vars: Readonly<Record<string, unknown>>;
  readonly durable_objects: { readonly bindings: readonly { readonly name: string; readonly class_name: string }[] };
  readonly migrations: readonly { readonly tag: string; readonly new_sqlite_classes?: readonly string[] }[];
}

/** Reads wrangler.toml with wrangler's own reader, as it is for one of its environments or where none is named. */
export function readWranglerConfig(env?: string): WranglerConfig {
  // Wrangler's types lead to a package that it brings bundled, so there are none.
  return unstable_readConfig(
    { config: "wrangler.toml", ...(env === undefined ? {} : { env }) },
    { hideWarnings: true },
  );
}
