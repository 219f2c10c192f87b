/** Addresses of queues: what they mean, and that no message ever holds a password. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { parseAddress, PASSWORD_VARIABLE } from "../../src/queue/address.js";
import { queueError } from "../../src/queue/redis.js";

test("an address has host, port, database, user and password, and is shown without the last two", () => {
  const { shown, options } = parseAddress("rediss://scorer:s%40cret@[::1]:7000/3");
  assert.equal(shown, "rediss://[::1]:7000/3");
  assert.deepEqual(options, { host: "::1", port: 7000, db: 3, username: "scorer", password: "s@cret", tls: {} });
  assert.deepEqual(parseAddress("redis://queue").options, { host: "queue", port: 6379, db: 0 });
});

test("a password comes from the environment where the URL has none", () => {
  const env = { [PASSWORD_VARIABLE]: "s3cret" };
  assert.equal(parseAddress("redis://user@h", env).options.password, "s3cret");
  assert.equal(parseAddress("redis://user:own@h", env).options.password, "own");
});

for (const url of [
  "http://:s3cret@h",
  "redis://:s3cret@h:99999",
  "redis://:s3cret@",
  "redis://:s3cret@h/x",
  "redis://:s3cret@h?a=b",
  "redis://:s3cret%@h",
  "s3cret",
]) {
  test(`${url.replace("s3cret", "...")} is refused with a remedy and without its password`, () => {
    assert.throws(() => parseAddress(url), (error) => isRocError(error) && error.code === "USAGE" && /Give|Write/.test(error.message) && !error.message.includes("s3cret")); // prettier-ignore
  });
}

test("what Redis says becomes an error with a remedy, and a password in it is not told", () => {
  const address = parseAddress("redis://:s3cret@h");
  const told = (text: string) => queueError(new Error(text), address);
  assert.equal(told("OOM command not allowed when used memory > 'maxmemory'.").code, "OUT_OF_MEMORY");
  assert.match(told("NOAUTH Authentication required.").message, /ROC4MLLM_QUEUE_PASSWORD/);
  assert.match(told("NOPERM no permissions to run 'info'").message, /\+info/);
  const other = told("cannot use s3cret");
  assert.equal(other.code, "NETWORK");
  assert.ok(!other.message.includes("s3cret") && !String((other.cause as Error).message).includes("s3cret"));
});
