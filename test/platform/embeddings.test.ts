import { expect, test } from "vitest";
import { openDatabase } from "#platform/database/open-database.ts";
import { cosine, createEmbeddings } from "#platform/recommendation/embeddings.ts";

test.each([
  [[1, 0], [2, 0], 1],
  [[1, 0], [0, 3], 0],
  [[1, 0], [-1, 0], -1],
  [[1, 1], [1, 0], Math.SQRT1_2],
  [[0, 0], [1, 0], 0],
])("the cosine of %j and %j is %d", (a, b, expected) => {
  expect(cosine(a, b)).toBeCloseTo(expected, 12);
});

test("an older vector does not replace a newer one, and similarities are computed again when forced", () => {
  const db = openDatabase();
  const embeddings = createEmbeddings(db);
  const similarity = () => db.prepare("SELECT cosine FROM similarities").get()?.cosine;
  embeddings.upsert({ entityType: "user", entityId: "usr_a", vector: [1, 0], updatedAt: 2 });
  embeddings.upsert({ entityType: "user", entityId: "usr_a", vector: [0, 1], updatedAt: 1 });
  embeddings.upsert({ entityType: "task", entityId: "tsk_a", vector: [1, 0], updatedAt: 1 });
  embeddings.precompute("usr_a", false);
  expect(similarity()).toBe(1);
  db.exec("UPDATE similarities SET cosine = 0.5");
  embeddings.precompute("usr_a", false);
  expect(similarity()).toBe(0.5);
  embeddings.precompute("usr_a", true);
  expect(similarity()).toBe(1);
  db.close();
});
