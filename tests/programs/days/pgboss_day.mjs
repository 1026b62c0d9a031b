// pg-boss: it builds its own schema (partitioned, with functions), then polls and completes jobs.
import { require, step, url } from "./step.mjs";

const PgBoss = require("pg-boss");
const Boss = PgBoss.PgBoss ?? PgBoss.default ?? PgBoss;
const boss = new Boss({ connectionString: url, schema: "public", max: 3, supervise: false, schedule: false, createSchema: false });
boss.on("error", (error) => console.error(error.message));
await step("start", async () => { await boss.start(); });
await step("createQueue", async () => { await boss.createQueue("mail"); });
await step("send", async () => typeof (await boss.send("mail", { to: "ada" })));
await step("insert", async () => { await boss.insert([{ name: "mail", data: { to: "bo" } }, { name: "mail", data: { to: "cy" } }]); });
await step("fetch", async () => (await boss.fetch("mail", { batchSize: 2 })).map((job) => typeof job.data.to));
await step("complete", async () => { const [job] = await boss.fetch("mail"); await boss.complete("mail", job.id); return (await boss.getJobById("mail", job.id)).state; });
await step("fail", async () => { const id = await boss.send("mail", { to: "x" }); const [job] = await boss.fetch("mail"); await boss.fail("mail", job.id, { why: "no" }); return (await boss.getJobById("mail", id)).state; });
await step("queue size", async () => boss.getQueueSize("mail"));
await step("work", async () => new Promise((resolve) => { boss.work("mail", { pollingIntervalSeconds: 0.5 }, async (jobs) => resolve(jobs[0].data)); boss.send("mail", { to: "worker" }); }));
await step("schedule", async () => { await boss.schedule("mail", "0 0 * * *", { a: 1 }); return (await boss.getSchedules()).length; });
await step("maintain", async () => { await boss.maintain(); });
await step("purge", async () => { await boss.purgeQueue("mail"); });
await step("stop", async () => { await boss.stop({ graceful: false, wait: true }); });
process.exit(0);
