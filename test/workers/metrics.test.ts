import { env, evictDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MetricsTotals } from "../../src/workers/metrics-totals.ts";
import { parsePrometheusText } from "../telemetry/prometheus-text.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const get = (path: string): Promise<Response> => exports.default.fetch(`http://gateway.test${path}`);

async function scrape() {
  const answer = await get("/metrics");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const samples = parsePrometheusText(await answer.text()).flatMap((metric) => metric.samples);
  const live = samples.filter(
    ({ name, labels }) => name === "gateway_requests_total" && labels.route === "/health/live",
  );
  const merged = samples.find(({ name }) => name === "gateway_metrics_merged");
  return { live: live.reduce((sum, { value }) => sum + value, 0), merged: merged?.value, labels: merged?.labels };
}

/** The one object that the Worker knows. */
const theObject = () => env.METRICS_TOTALS.getByName("all");

describe("/metrics of the Worker", () => {
  test("has every request that was answered before it", async () => {
    const before = await scrape();
    for (let each = 0; each < 20; each++) await get("/health/live");
    expect(await scrape()).toEqual({ live: before.live + 20, merged: 1, labels: {} });
  });

  test("has what other isolates have reported", async () => {
    const before = await scrape();
    const labels = 'method="GET",route="/health/live",status="200"';
    const gains = [{ metric: "gateway_requests_total", labels, numbers: [7] }];
    await theObject().add({ isolate: crypto.randomUUID(), reports: [{ sequence: 1, gains }], gauges: [] });
    expect(await scrape()).toMatchObject({ live: before.live + 7 });
  });

  test("has the same totals after the object was evicted", async () => {
    await get("/health/live");
    const before = await scrape();
    await evictDurableObject(theObject());
    expect(await scrape()).toEqual(before);
  });
});

test("what an isolate has counted reaches the object in the background, without a scrape", async () => {
  const labels = 'method="HEAD",route="/health/live",status="200"';
  const reported = async () => {
    const totals = await theObject().read();
    return totals.find((each) => each.metric === "gateway_requests_total" && each.labels === labels)?.numbers[0] ?? 0;
  };
  const before = await reported();
  for (let each = 0; each < 3; each++) {
    await exports.default.fetch("http://gateway.test/health/live", { method: "HEAD" });
  }
  // Some ten seconds after the first request since the last report.
  await vi.waitFor(async () => expect(await reported()).toBe(before + 3), { timeout: 25_000, interval: 250 });
});

test("no healthy request calls the object: of a thousand, none", async () => {
  await get("/health/live");
  const add = vi.spyOn(MetricsTotals.prototype, "add");
  const read = vi.spyOn(MetricsTotals.prototype, "read");
  for (let each = 0; each < 1_000; each++) expect((await get("/health/live")).status).toBe(200);
  // One report for some seconds of requests may fall in here, and no request waits for it.
  expect(add.mock.calls.length).toBeLessThanOrEqual(3);
  expect(read).not.toHaveBeenCalled();
});

describe("R-17: an object that", () => {
  test.each([
    ["throws", () => Promise.reject(new Error("reset by a deploy"))],
    ["hangs", () => new Promise<never>(() => {})],
  ])("%s fails no scrape and no request, and the totals are right when it is back", async (_name, failing) => {
    const before = await scrape();
    const add = vi.spyOn(MetricsTotals.prototype, "add").mockImplementation(failing as never);
    expect((await get("/health/live")).status).toBe(200);
    const alone = await scrape();
    expect(alone).toMatchObject({ merged: 0, labels: { isolate: expect.stringMatching(/^[0-9a-f-]{36}$/) } });
    expect(add).toHaveBeenCalled();
    vi.restoreAllMocks();
    expect(await scrape()).toEqual({ live: before.live + 1, merged: 1, labels: {} });
  });
});
