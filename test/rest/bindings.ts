import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";
import type { HttpBinding } from "#src/rest/http-binding.ts";
import { httpBindings } from "#src/rest/http-rules.ts";
import { EverythingService } from "../gen/transcoder/v1/everything_pb.ts";
import { LibraryService } from "../gen/transcoder/v1/library_pb.ts";

const BINDINGS = httpBindings([LibraryService, EverythingService, AuthService, TasksService]);

/** The binding with this route, e.g. `GET /v1/shelves`. */
export function bindingOf(route: string): HttpBinding {
  const binding = BINDINGS.find(({ method, template }) => `${method} ${template.source}` === route);
  if (binding === undefined) throw new Error(`no rpc is annotated with ${route}`);
  return binding;
}
