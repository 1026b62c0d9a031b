// node-postgres: clients, pools, named statements, cursors, streams, LISTEN.
import { notices, require, step, where } from "./step.mjs";

const pg = require("pg");
const Cursor = require("pg-cursor");
const QueryStream = require("pg-query-stream");

const client = new pg.Client(where);
client.on("notice", (note) => notices.push(`${note.severity} ${note.code} ${note.message}`));
await client.connect();
const q = (text, values) => async () => {
  const answer = await client.query(text, values);
  const one = (r) => ({ command: r.command, count: r.rowCount, rows: r.rows, types: r.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeModifier]) });
  return Array.isArray(answer) ? answer.map(one) : one(answer);
};

await step("select", q("SELECT id, total, placed, status::text, weeks FROM orders ORDER BY id"));
await step("parameters", q("SELECT $1::int + 1 AS n, $2::text AS t, $3::jsonb AS j, $4::text[] AS a", [1, "x", { a: 1 }, ["p", "q"]]));
await step("date and bytes", q("SELECT $1::timestamptz AS t, $2::bytea AS b", [new Date(0), Buffer.from([0, 255])]));
await step("several", q("SELECT 1 AS a; SELECT 2 AS b; SELECT * FROM keyed ORDER BY k"));
await step("several with error", q("INSERT INTO keyed VALUES (50, 'x'); INSERT INTO keyed VALUES (1, 'y')"));
for (let n = 0; n < 3; n++) await step(`named ${n}`, q({ name: "by-id", text: "SELECT total FROM orders WHERE id = $1", values: [n] }));
await step("array rows", async () => (await client.query({ text: "SELECT k, v FROM keyed ORDER BY k", rowMode: "array" })).rows);
await step("insert returning", q("INSERT INTO keyed (k, v) VALUES ($1, $2), ($3, $4) RETURNING *", [100, "a", 101, null]));
await step("duplicate", q("INSERT INTO keyed (k, v) VALUES ($1, $2)", [100, "a"]));
await step("error fields", async () => client.query("INSERT INTO keyed VALUES (100, 'a')").catch((e) => [e.code, e.severity, e.detail, e.schema, e.table, e.constraint, e.routine]));
await step("error position", async () => client.query("SELECT nosuch FROM orders").catch((e) => [e.code, e.position, e.message]));
await step("syntax", async () => client.query("SELEC 1").catch((e) => [e.code, e.position, e.message]));
await step("no table", async () => client.query("SELECT * FROM nosuch").catch((e) => [e.code, e.position, e.message]));
await step("transaction", async () => {
  await client.query("BEGIN");
  await client.query("INSERT INTO keyed VALUES (200, 'x')");
  await client.query("SAVEPOINT a");
  await client.query("INSERT INTO keyed VALUES (200, 'x')").catch(() => {});
  await client.query("ROLLBACK TO SAVEPOINT a");
  await client.query("COMMIT");
  return (await client.query("SELECT count(*) FROM keyed WHERE k = 200")).rows;
});
await step("failed transaction", async () => {
  await client.query("BEGIN");
  await client.query("SELECT 1/0").catch(() => {});
  const code = await client.query("SELECT 1").catch((e) => e.code);
  return [code, (await client.query("COMMIT")).command];
});
await step("queued", async () => Promise.all(Array.from({ length: 20 }, (_, n) => client.query("SELECT $1::int AS n", [n]).then((r) => r.rows[0].n))));
await step("queued with errors", async () => (await Promise.allSettled([1, 0, 2].map((n) => client.query("SELECT 10 / $1::int AS n", [n])))).map((r) => r.value?.rows ?? r.reason.code));
await step("cursor", async () => {
  const cursor = client.query(new Cursor("SELECT * FROM generate_series(1, 50) g WHERE g > $1", [10]));
  const out = [await cursor.read(3), (await cursor.read(100)).length, await cursor.read(3)];
  await cursor.close();
  return out;
});
await step("cursor closed early", async () => {
  const cursor = client.query(new Cursor("SELECT generate_series(1, 1000)"));
  const rows = await cursor.read(2);
  await cursor.close();
  return [rows, (await client.query("SELECT 1 AS one")).rows];
});
await step("cursor error", async () => client.query(new Cursor("SELECT 1 / (g - 5) FROM generate_series(1, 10) g")).read(10));
await step("stream", async () => {
  let n = 0;
  for await (const row of client.query(new QueryStream("SELECT k FROM keyed UNION ALL SELECT generate_series(1, 500)", [], { batchSize: 50 }))) n += row.k > 0;
  return n;
});
await step("stream ended early", async () => {
  for await (const row of client.query(new QueryStream("SELECT generate_series(1, 5000) AS n", [], { batchSize: 10 }))) if (row.n > 20) break;
  return (await client.query("SELECT 2 AS two")).rows;
});
await step("listen", async () => {
  const heard = [];
  const two = new Promise((resolve) => client.on("notification", (note) => { heard.push([note.channel, note.payload]); if (heard.length === 2) resolve(); }));
  await client.query("LISTEN jobs");
  await client.query("NOTIFY jobs, 'a'");
  await client.query("SELECT pg_notify('jobs', $1)", ["b"]);
  await two;
  await client.query("UNLISTEN jobs");
  return heard;
});
await step("notice", q("DROP TABLE IF EXISTS nosuch"));
await step("empty", q(""));
await step("set", q("SET statement_timeout = '2s'"));
await step("show", q("SHOW statement_timeout"));
await step("timed out", q("SELECT count(*) FROM generate_series(1, 100000000000)"));
await client.end();

const pool = new pg.Pool({ ...where, max: 4, statement_timeout: 20000, application_name: "pool", idle_in_transaction_session_timeout: 10000, query_timeout: 20000 });
await step("pool", async () => Promise.all(Array.from({ length: 30 }, (_, n) => pool.query("SELECT $1::int AS n, current_setting('application_name') AS a", [n]).then((r) => r.rows[0]))));
await step("pool settings", async () => (await pool.query("SELECT current_setting('statement_timeout') AS a, current_setting('idle_in_transaction_session_timeout') AS b")).rows);
await step("pool transaction", async () => {
  const one = await pool.connect();
  try {
    await one.query("BEGIN");
    await one.query("INSERT INTO keyed VALUES (300, 'pool')");
    await one.query("ROLLBACK");
  } finally {
    one.release();
  }
  return (await pool.query("SELECT count(*) FROM keyed WHERE k = 300")).rows;
});
await step("wrong password", async () => new pg.Client({ ...where, password: "wrong" }).connect());
await step("wrong database", async () => new pg.Client({ ...where, database: "nosuch" }).connect());
await pool.end();
