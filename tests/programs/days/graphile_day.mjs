// graphile-worker: migrates its own schema, adds and runs jobs once.
import { require, step, url } from "./step.mjs";

const { run, runOnce, makeWorkerUtils, runMigrations, Logger } = require("graphile-worker");
const quiet = new Logger(() => () => {});
const options = { connectionString: url, schema: "worker", logger: quiet };
await step("migrate", async () => { await runMigrations(options); });
const done = [];
const taskList = { hello: async (payload) => { done.push(payload); }, fails: async () => { throw new Error("no"); } };
await step("add", async () => { const utils = await makeWorkerUtils(options); await utils.migrate(); await utils.addJob("hello", { n: 1 }); await utils.addJob("hello", { n: 2 }, { jobKey: "k" }); await utils.addJob("hello", { n: 3 }, { jobKey: "k" }); await utils.addJob("fails", {}, { maxAttempts: 1 }); await utils.release(); });
await step("run once", async () => { await runOnce({ ...options, taskList }); return done.sort((a, b) => a.n - b.n); });
await step("run", async () => { const runner = await run({ ...options, taskList, noHandleSignals: true, pollInterval: 200 }); await runner.addJob("hello", { n: 9 }); while (!done.some((d) => d.n === 9)) await new Promise((r) => setTimeout(r, 50)); await runner.stop(); return done.length; });
process.exit(0);
