// One program's day as steps: each prints its result, or the error that it met, as one line of JSON.
import { createRequire } from "node:module";
import path from "node:path";

const env = process.env;
export const where = { host: env.DAY_HOST, port: Number(env.DAY_PORT), user: env.DAY_USER, password: env.DAY_PASSWORD, database: env.DAY_DATABASE };
export const url = `postgres://${where.user}:${where.password}@${where.host}:${where.port}/${where.database}`;
export const folder = env.DAY_FOLDER;
export const require = createRequire(path.join(env.DAY_MODULES, "package.json"));
export const notices = [];

const plain = (value) => JSON.stringify(value, (key, item) => (typeof item === "bigint" ? `${item}n` : item === undefined ? "undefined" : item));

function emit(name, what) {
  if (notices.length) what.notices = notices.splice(0);
  console.log(JSON.stringify({ name, ...what }));
}

/** Runs one step; its error is its result. */
export async function step(name, work) {
  try {
    const result = await work();
    emit(name, { result: plain(result) ?? "undefined" });
    return result;
  } catch (error) {
    const inner = error.original ?? error.driverError ?? error.cause ?? error;
    emit(name, { error: { kind: error.constructor.name, sqlstate: inner.code ?? null, message: String(inner.message).split("\n")[0] } });
    return undefined;
  }
}

process.on("unhandledRejection", (error) => { console.error(error); process.exit(3); });
