/** A worker with a model that computes nothing, as a process that can be killed: REDIS-URL LOG MILLISECONDS TAKEOVER-MILLISECONDS. */
import { parseAddress } from "../../src/queue/address.js";
import { startWorker } from "../../src/queue/worker.js";
import { FakeModel } from "./redis.js";

const [url = "", log = "", ms = "0", takeover = "1000"] = process.argv.slice(2);
const model = new FakeModel(undefined, Number(ms), log);
const worker = await startWorker({ model, address: parseAddress(url), takeoverMs: Number(takeover) });
process.stdout.write("takes jobs\n");
process.once("SIGTERM", () => void worker.close().then(() => process.exit(0)));
