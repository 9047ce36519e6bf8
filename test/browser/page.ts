import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { AuthService } from "#gen/gateway/v1/auth_pb.ts";
import { TasksService } from "#gen/gateway/v1/tasks_pb.ts";

/**
 * The script of the page: it signs in and shows the caller's tasks, as a web client would. What it needs to know stands
 * in the page's own query; how it ends stands in `data-state` of the body.
 */
const query = new URLSearchParams(location.search);
const baseUrl = query.get("gateway")!;
const transport: Transport =
  query.get("protocol") === "grpc-web"
    ? createGrpcWebTransport({ baseUrl, defaultTimeoutMs: 20_000 })
    : createConnectTransport({ baseUrl, useHttpGet: true, defaultTimeoutMs: 20_000 });

async function showTasks(): Promise<void> {
  const { session } = await createClient(AuthService, transport).login({
    email: query.get("email")!,
    password: query.get("password")!,
  });
  const headers = { Authorization: `Bearer ${session!.accessToken}` };
  const { tasks, totalCount } = await createClient(TasksService, transport).listTasks({}, { headers });
  document.querySelector("h1")!.textContent = `${session!.user!.displayName} has ${totalCount} tasks`;
  const items = tasks.map(({ title, budgetLowerBound, budgetUpperBound }) => {
    const item = document.createElement("li");
    item.textContent = `${title}: ${budgetLowerBound} to ${budgetUpperBound}`;
    return item;
  });
  document.querySelector("ul")!.replaceChildren(...items);
}

showTasks().then(
  () => {
    document.body.dataset.state = "shown";
  },
  (error: unknown) => {
    document.querySelector("h1")!.textContent = String(error);
    document.body.dataset.state = "failed";
  },
);
