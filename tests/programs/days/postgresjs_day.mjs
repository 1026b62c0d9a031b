// postgres.js: pipelines by default, fetches the array types at start, cursors, COPY streams, listen.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { notices, require, step, where } from "./step.mjs";

const postgres = require("postgres");
const sql = postgres({ ...where, max: 3, onnotice: (note) => notices.push(`${note.severity} ${note.code} ${note.message}`), connection: { application_name: "day" } });

const shown = (r) => ({ command: r.command, count: r.count, rows: [...r], columns: r.columns?.map((c) => [c.name, c.type]) });
await step("select", async () => shown(await sql`SELECT id, total, placed, status::text FROM orders ORDER BY id`));
await step("arrays", async () => shown(await sql`SELECT tags, array_length(tags, 1) FROM customers WHERE tags @> ${["gold"]}`));
await step("parameters", async () => shown(await sql`SELECT ${1}::int + 1 AS n, ${"x"} || 'y' AS t, ${sql.json({ a: 1 })}::jsonb AS j, ${new Date(0)}::timestamptz AS d`));
await step("insert rows", async () => shown(await sql`INSERT INTO keyed ${sql([{ k: 100, v: "a" }, { k: 101, v: "b" }])} RETURNING *`));
await step("update", async () => shown(await sql`UPDATE keyed SET ${sql({ v: "c" })} WHERE k IN ${sql([100, 101])}`));
await step("dynamic names", async () => shown(await sql`SELECT ${sql(["k", "v"])} FROM ${sql("public.keyed")} ORDER BY ${sql("k")}`));
await step("enum array", async () => shown(await sql`SELECT array_agg(status ORDER BY id) AS a FROM orders`));
await step("duplicate", async () => sql`INSERT INTO keyed VALUES (100, 'x')`);
await step("unknown column", async () => sql`SELECT nosuch FROM orders`);
await step("unknown table", async () => sql`SELECT * FROM nosuch`);
await step("syntax", async () => sql`SELEC 1`);
await step("pipelined", async () => Promise.all(Array.from({ length: 50 }, (_, n) => sql`SELECT ${n}::int AS n`.then((r) => r[0].n))));
await step("pipelined with errors", async () => (await Promise.allSettled([1, 0, 2, 0, 5].map((n) => sql`SELECT 10 / ${n}::int AS n`))).map((r) => r.value?.[0].n ?? r.reason.code));
await step("begin", async () => sql.begin(async (t) => {
  await t`INSERT INTO keyed VALUES (200, 'x')`;
  await t.savepoint(async (s) => { await s`INSERT INTO keyed VALUES (200, 'y')`; }).catch((e) => e.code);
  return [...(await t`SELECT count(*) FROM keyed WHERE k = 200`)];
}));
await step("begin read only", async () => sql.begin("read only", async (t) => t`DELETE FROM keyed`));
await step("begin pipelined", async () => (await sql.begin((t) => [t`SELECT 1 AS a`, t`SELECT 2 AS a`])).map((r) => r[0].a));
await step("begin fails", async () => sql.begin(async (t) => { await t`INSERT INTO keyed VALUES (201, 'x')`; throw new Error("mine"); }));
await step("cursor", async () => {
  const seen = [];
  await sql`SELECT generate_series(1, 25) AS n`.cursor(10, (rows) => { seen.push(rows.length); });
  return seen;
});
await step("cursor stopped", async () => {
  let seen = 0;
  for await (const rows of sql`SELECT generate_series(1, 100) AS n`.cursor(10)) if ((seen += rows.length) >= 20) break;
  return seen;
});
await step("forEach", async () => { let sum = 0; await sql`SELECT generate_series(1, 100) AS n`.forEach((r) => { sum += r.n; }); return sum; });
await step("describe", async () => sql`SELECT k, v FROM keyed WHERE k = ${1}`.describe().then((d) => [d.types, d.columns.map((c) => [c.name, c.type])]));
await step("simple several", async () => (await sql`SELECT 1 AS a; SELECT 2 AS b`.simple()).map((r) => [...r]));
await step("unsafe", async () => shown(await sql.unsafe("SELECT $1::text AS t", ["x"])));
await step("values", async () => sql`SELECT k, v FROM keyed ORDER BY k LIMIT 2`.values());
await step("copy in", async () => { const to = await sql`COPY keyed FROM STDIN`.writable(); await pipeline(Readable.from(["500\ta\n", "501\tb\n"]), to); return shown(await sql`SELECT * FROM keyed WHERE k >= 500 ORDER BY k`); });
await step("copy out", async () => { const from = await sql`COPY (SELECT k FROM keyed ORDER BY k) TO STDOUT`.readable(); let text = ""; for await (const part of from) text += part; return text; });
await step("listen", async () => {
  let heard;
  const once = new Promise((resolve) => { heard = resolve; });
  const { unlisten } = await sql.listen("jobs", heard);
  await sql.notify("jobs", "hello");
  const payload = await once;
  await unlisten();
  return payload;
});
await step("reserve", async () => { const one = await sql.reserve(); const r = [...(await one`SELECT 1 AS a`)]; one.release(); return r; });
await step("notice", async () => shown(await sql`DROP TABLE IF EXISTS nosuch`));
await step("cancel", async () => { const long = sql`SELECT count(*) FROM generate_series(1, 100000000000)`; setTimeout(() => long.cancel(), 300); return long; });
await step("file-like, no prepare", async () => { const plain = postgres({ ...where, prepare: false, max: 1, fetch_types: false }); const r = shown(await plain`SELECT ${"x"}::text AS t`); await plain.end(); return r; });
await sql.end();
