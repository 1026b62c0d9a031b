// drizzle: its migrator, query builder and relational queries, over node-postgres and over postgres.js.
import fs from "node:fs";
import path from "node:path";
import { folder, require, step, where } from "./step.mjs";

const { pgTable, serial, text, integer, pgEnum, numeric, jsonb, uniqueIndex } = require("drizzle-orm/pg-core");
const { eq, sql, relations, inArray, desc, count } = require("drizzle-orm");
const pg = require("pg");
const postgres = require("postgres");

const kind = pgEnum("shelf_kind", ["a", "b"]);
const shelf = pgTable("shelf", { id: serial("id").primaryKey(), name: text("name").notNull().unique(), kind: kind("kind"), extra: jsonb("extra") });
const book = pgTable("book", { id: serial("id").primaryKey(), shelfId: integer("shelf_id").references(() => shelf.id), price: numeric("price") });
const schema = { shelf, book, shelfRelations: relations(shelf, ({ many }) => ({ books: many(book) })), bookRelations: relations(book, ({ one }) => ({ shelf: one(shelf, { fields: [book.shelfId], references: [shelf.id] }) })) };
const migrations = path.join(folder, "drizzle");
fs.mkdirSync(path.join(migrations, "meta"), { recursive: true });
fs.writeFileSync(path.join(migrations, "meta", "_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries: [{ idx: 0, version: "7", when: 1700000000000, tag: "0000_first", breakpoints: true }] }));
fs.writeFileSync(path.join(migrations, "0000_first.sql"), `CREATE TYPE "public"."shelf_kind" AS ENUM('a', 'b');--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "shelf" ("id" serial PRIMARY KEY NOT NULL, "name" text NOT NULL, "kind" "shelf_kind", "extra" jsonb, CONSTRAINT "shelf_name_unique" UNIQUE("name"));
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "book" ("id" serial PRIMARY KEY NOT NULL, "shelf_id" integer, "price" numeric);
--> statement-breakpoint
ALTER TABLE "book" ADD CONSTRAINT "book_shelf_id_shelf_id_fk" FOREIGN KEY ("shelf_id") REFERENCES "public"."shelf"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE UNIQUE INDEX IF NOT EXISTS "by_name" ON "shelf" USING btree (lower("name"));`);

async function day(driver, db, migrate) {
  await step(`${driver} migrate`, async () => { await migrate(db, { migrationsFolder: migrations, migrationsSchema: "public" }); });
  await step(`${driver} migrate again`, async () => { await migrate(db, { migrationsFolder: migrations, migrationsSchema: "public" }); });
  await step(`${driver} insert`, async () => db.insert(shelf).values([{ name: `${driver} one`, kind: "a", extra: { a: 1 } }, { name: `${driver} two`, kind: "b" }]).returning());
  await step(`${driver} upsert`, async () => db.insert(shelf).values({ name: `${driver} one` }).onConflictDoUpdate({ target: shelf.name, set: { kind: "b" } }).returning());
  await step(`${driver} books`, async () => db.insert(book).values([{ shelfId: 1, price: "5" }, { shelfId: 1, price: "6.5" }]).returning());
  await step(`${driver} select`, async () => db.select({ name: shelf.name, n: count(book.id) }).from(shelf).leftJoin(book, eq(book.shelfId, shelf.id)).where(inArray(shelf.kind, ["a", "b"])).groupBy(shelf.id).orderBy(desc(shelf.name)));
  await step(`${driver} relational`, async () => db.query.shelf.findMany({ with: { books: { columns: { price: true } } }, limit: 2, orderBy: (s, { asc }) => [asc(s.id)] }));
  await step(`${driver} prepared`, async () => { const p = db.select().from(shelf).where(eq(shelf.id, sql.placeholder("id"))).prepare("by_id"); return [await p.execute({ id: 1 }), await p.execute({ id: 2 })]; });
  await step(`${driver} transaction`, async () => db.transaction(async (t) => { await t.update(shelf).set({ kind: "a" }).where(eq(shelf.id, 1)); await t.transaction(async (s) => { await s.delete(book); s.rollback(); }).catch(() => {}); return t.$count(book); }, { isolationLevel: "repeatable read" }));
  await step(`${driver} duplicate`, async () => db.insert(shelf).values({ name: `${driver} one` }));
}

const pool = new pg.Pool({ ...where, max: 2 });
await day("pg", require("drizzle-orm/node-postgres").drizzle(pool, { schema }), require("drizzle-orm/node-postgres/migrator").migrate);
await pool.end();
const js = postgres({ ...where, max: 1, onnotice: () => {} });
await day("postgres.js", require("drizzle-orm/postgres-js").drizzle(js, { schema }), require("drizzle-orm/postgres-js/migrator").migrate);
await js.end();
