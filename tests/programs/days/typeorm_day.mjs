// TypeORM: synchronize (it looks the whole schema up), migrations, repositories, query builder.
import { require, step, where } from "./step.mjs";

require("reflect-metadata");
const { DataSource, EntitySchema } = require("typeorm");
const Shelf = new EntitySchema({ name: "Shelf", columns: { id: { type: Number, primary: true, generated: true }, name: { type: String, unique: true, length: 40 }, kind: { type: "enum", enum: ["a", "b"], default: "a" }, extra: { type: "jsonb", nullable: true }, made: { type: "timestamptz", createDate: true, select: false } }, indices: [{ columns: ["kind", "name"] }], relations: { books: { type: "one-to-many", target: "Book", inverseSide: "shelf", cascade: true } } });
const Book = new EntitySchema({ name: "Book", columns: { id: { type: "int", primary: true, generated: "identity" }, title: { type: "varchar", nullable: true }, price: { type: "numeric", precision: 8, scale: 2, default: 0 } }, relations: { shelf: { type: "many-to-one", target: "Shelf", inverseSide: "books", onDelete: "CASCADE", joinColumn: true } }, checks: [{ expression: "price >= 0" }] });
class First1700000000000 {
  name = "First1700000000000";
  async up(runner) { await runner.query(`CREATE TABLE "migrated" ("id" SERIAL NOT NULL PRIMARY KEY, "name" character varying NOT NULL)`); await runner.query(`CREATE INDEX "IDX_m" ON "migrated" ("name")`); }
  async down(runner) { await runner.query(`DROP INDEX "public"."IDX_m"`); await runner.query(`DROP TABLE "migrated"`); }
}
const options = { type: "postgres", host: where.host, port: where.port, username: where.user, password: where.password, database: where.database, entities: [Shelf, Book], migrations: [First1700000000000], logging: false, installExtensions: false };
const db = new DataSource(options);
await step("initialize", async () => { await db.initialize(); });
await step("synchronize", async () => { await db.synchronize(); });
await step("synchronize again", async () => { await db.synchronize(); });
await step("runMigrations", async () => (await db.runMigrations({ transaction: "each" })).map((m) => m.name));
await step("showMigrations", async () => db.showMigrations());
const shelves = db.getRepository("Shelf");
const plain = (rows) => JSON.parse(JSON.stringify(rows));
const without = (rows) => JSON.parse(JSON.stringify(rows, (k, v) => (k === "made" ? undefined : v)));
await step("save", async () => without(await shelves.save({ name: "one", kind: "b", extra: { a: 1 }, books: [{ title: "x", price: 5 }, { title: "y" }] })));
await step("insert", async () => without((await shelves.insert([{ name: "two" }, { name: "three" }])).identifiers));
await step("upsert", async () => { await shelves.upsert([{ name: "two", kind: "b" }], ["name"]); });
await step("find", async () => plain(await shelves.find({ relations: { books: true }, order: { id: "ASC" } })));
await step("builder", async () => plain(await shelves.createQueryBuilder("s").leftJoin("s.books", "b").select("s.name", "name").addSelect("COUNT(b.id)", "n").groupBy("s.id").orderBy("s.name").getRawMany()));
await step("paging", async () => plain(await shelves.createQueryBuilder("s").leftJoinAndSelect("s.books", "b").orderBy("s.id").skip(0).take(1).getMany()));
await step("transaction", async () => db.transaction("SERIALIZABLE", async (m) => { await m.update("Shelf", { name: "two" }, { kind: "a" }); return m.count("Shelf"); }));
await step("lock", async () => db.transaction(async (m) => plain(await m.findOne("Shelf", { where: { name: "one" }, lock: { mode: "pessimistic_write" } }))));
await step("duplicate", async () => shelves.insert({ name: "one" }));
await step("delete", async () => (await shelves.delete({ name: "one" })).affected);
await step("table", async () => { const r = db.createQueryRunner(); const t = await r.getTable("book"); await r.release(); return [t.columns.map((c) => [c.name, c.type, c.isNullable, c.default]), t.checks.length, t.foreignKeys.length]; });
await step("hasTable", async () => { const r = db.createQueryRunner(); const is = [await r.hasTable("book"), await r.hasColumn("book", "title"), await r.getCurrentSchema(), await r.getSchemas("x").catch((e) => e.message)]; await r.release(); return is; });
await step("undo", async () => { await db.undoLastMigration(); });
await step("clear", async () => { await db.getRepository("Book").clear(); });
await step("dropDatabase", async () => { await db.dropDatabase(); });
await db.destroy();
