// knex: migrations with their lock table, the query builder, transactions, streams.
import fs from "node:fs";
import path from "node:path";
import { folder, require, step, where } from "./step.mjs";

const knex = require("knex")({ client: "pg", connection: where, pool: { min: 1, max: 3 } });
const migrations = path.join(folder, "migrations");
fs.mkdirSync(migrations, { recursive: true });
fs.writeFileSync(path.join(migrations, "1_first.cjs"), `
exports.up = async (knex) => {
  await knex.schema.createTable("shelf", (t) => { t.increments(); t.string("name", 40).notNullable().unique(); t.enu("kind", ["a", "b"], { useNative: true, enumName: "shelf_kind" }); t.timestamps(true, true); t.jsonb("extra").defaultTo("{}"); t.comment("shelves"); });
  await knex.schema.createTable("book", (t) => { t.uuid("id").primary().defaultTo(knex.fn.uuid()); t.integer("shelf_id").references("shelf.id").onDelete("CASCADE").index(); t.decimal("price", 8, 2).checkPositive(); });
};
exports.down = async (knex) => { await knex.schema.dropTable("book"); await knex.schema.dropTableIfExists("shelf"); await knex.raw("DROP TYPE IF EXISTS shelf_kind"); };
`);
fs.writeFileSync(path.join(migrations, "2_second.cjs"), `
exports.up = async (knex) => {
  await knex.schema.alterTable("shelf", (t) => { t.text("name").nullable().alter(); t.renameColumn("extra", "more"); t.index(["name", "kind"], "shelf_both"); });
  await knex.schema.createView("shelves", (v) => { v.columns(["id", "name"]); v.as(knex("shelf").select("id", "name")); });
  await knex("shelf").insert([{ name: "one", kind: "a" }, { name: "two", kind: "b" }]);
};
exports.down = async (knex) => { await knex.schema.dropView("shelves"); await knex.schema.alterTable("shelf", (t) => { t.dropIndex(["name", "kind"], "shelf_both"); t.renameColumn("more", "extra"); }); };
`);
const config = { directory: migrations };
await step("migrate", async () => (await knex.migrate.latest(config))[1].map((f) => path.basename(f)));
await step("status", async () => [await knex.migrate.currentVersion(config), (await knex.migrate.list(config)).map((l) => l.length)]);
await step("hasTable", async () => [await knex.schema.hasTable("shelf"), await knex.schema.hasColumn("shelf", "more"), await knex.schema.hasTable("nosuch")]);
await step("columnInfo", async () => knex("shelf").columnInfo());
await step("insert", async () => knex("shelf").insert({ name: "three", kind: "a", more: { a: 1 } }).returning(["id", "name", "more"]));
await step("upsert", async () => knex("shelf").insert({ name: "three", kind: "b" }).onConflict("name").merge().returning("kind"));
await step("select", async () => knex("shelf").select("id", "name", knex.raw("kind::text")).whereIn("kind", ["a", "b"]).andWhere("name", "ilike", "%o%").orderBy("id").limit(5));
await step("join", async () => knex("shelf as s").leftJoin("book as b", "b.shelf_id", "s.id").count("b.id as n").groupBy("s.id").select("s.name").orderBy("s.name"));
await step("json", async () => knex("shelf").whereJsonPath("more", "$.a", "=", 1).select("name"));
await step("batchInsert", async () => (await knex.batchInsert("keyed", Array.from({ length: 60 }, (_, n) => ({ k: 100 + n, v: `${n}` })), 25).returning("k")).length);
await step("transaction", async () => knex.transaction(async (t) => { await t("keyed").where({ k: 1 }).update({ v: "x" }); await t.transaction(async (s) => { await s("keyed").insert({ k: 1, v: "y" }); }).catch((e) => e.code); return t("keyed").where({ k: 1 }).forUpdate().first(); }));
await step("stream", async () => { let n = 0; for await (const row of knex("keyed").select("k").stream()) n += 1; return n; });
await step("duplicate", async () => knex("keyed").insert({ k: 1 }));
await step("truncate", async () => (await knex("keyed").truncate()).command);
await step("rollback", async () => (await knex.migrate.rollback(config, true))[1].map((f) => path.basename(f)));
await knex.destroy();
