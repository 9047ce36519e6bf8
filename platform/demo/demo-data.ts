import { TaskLifecycleStatus, UserPresenceStatus } from "#gen/platform/common/v1/common_pb.ts";

/** Signs in every demo account. It is public: whoever can reach a seeded platform can be any of them. */
export const demoPassword = "DevMatch-demo-1";

/** When the demo begins; every time in it counts from here, so that it is the same on each start. */
export const demoBegin = Date.UTC(2026, 0, 5, 9);

const { OFFLINE, IDLE, SEARCHING } = UserPresenceStatus;
const { OPEN, PAUSED, COMPLETED, CANCELLED } = TaskLifecycleStatus;

/** Who posts tasks. Addresses are `<id>@demo.devmatch.example`. */
export const demoClients = [
  { id: "nora", name: "Nora Lindqvist" },
  { id: "omar", name: "Omar Haddad" },
  { id: "paula", name: "Paula Reyes" },
];

/** Who takes tasks: skills that overlap, cheap and expensive, praised and new, here and away. */
export const demoDevelopers = [
  { id: "ada", name: "Ada Okafor", skills: ["typescript", "react", "node"], rate: 80, rating: 4.9, presence: IDLE },
  { id: "ben", name: "Ben Sato", skills: ["typescript", "react"], rate: 60, rating: 4.2, presence: SEARCHING },
  { id: "cleo", name: "Cleo Marchetti", skills: ["TypeScript", "Vue"], rate: 70, rating: 4.6, presence: IDLE },
  { id: "dmitri", name: "Dmitri Volkov", skills: ["go", "grpc", "kubernetes"], rate: 95, rating: 4.8, presence: IDLE },
  { id: "elif", name: "Elif Demir", skills: ["go", "postgresql"], rate: 75, rating: 4.4, presence: SEARCHING },
  { id: "femi", name: "Femi Adeyemi", skills: ["python", "pytorch", "grpc"], rate: 110, rating: 5, presence: IDLE },
  { id: "gita", name: "Gita Raman", skills: ["python", "django", "postgresql"], rate: 55, rating: 3.9, presence: IDLE },
  {
    id: "hugo",
    name: "Hugo Almeida",
    skills: ["rust", "wasm", "typescript"],
    rate: 120,
    rating: 4.7,
    presence: OFFLINE,
  },
  { id: "iris", name: "Iris Novak", skills: ["react", "css", "figma"], rate: 50, rating: 4.1, presence: SEARCHING },
  { id: "jonas", name: "Jonas Weber", skills: ["java", "kubernetes"], rate: 85, rating: 3.4, presence: OFFLINE },
  { id: "kim", name: "Kim Tran", skills: ["node", "postgresql", "typescript"], rate: 65, rating: 4.5, presence: IDLE },
  { id: "leo", name: "Leo Baptiste", skills: ["typescript"], rate: 30, rating: 0, presence: SEARCHING },
];

/** What is to be done, and what was. */
export const demoTasks = [
  {
    id: "dashboard",
    client: "nora",
    title: "Dashboard for fleet telemetry",
    skills: ["typescript", "react"],
    budget: [50, 90],
  },
  { id: "gateway", client: "nora", title: "gRPC gateway in Go", skills: ["go", "grpc"], budget: [70, 120] },
  {
    id: "ranking",
    client: "omar",
    title: "Ranking model for search",
    skills: ["python", "pytorch"],
    budget: [80, 140],
  },
  {
    id: "orders",
    client: "omar",
    title: "Order service on PostgreSQL",
    skills: ["node", "postgresql"],
    budget: [40, 80],
  },
  { id: "shop", client: "paula", title: "Accessible checkout", skills: ["react", "css"], budget: [30, 70] },
  {
    id: "codec",
    client: "paula",
    title: "Image codec in the browser",
    skills: ["rust", "wasm"],
    budget: [90, 150],
    status: PAUSED,
  },
  { id: "invoices", client: "paula", title: "Invoice export", skills: ["java"], budget: [60, 90], status: CANCELLED },
  {
    id: "portal",
    client: "nora",
    title: "Partner portal",
    skills: ["vue"],
    budget: [50, 90],
    status: COMPLETED,
    assignee: "cleo",
  },
].map(({ status = OPEN, assignee = "", ...task }) => ({ ...task, status, assignee }));
