/** What attacks a server: each point of being safe by default, with a client that tries. */
import assert from "node:assert/strict";
import { createServer as createTrap } from "node:http";
import { networkInterfaces } from "node:os";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { createServer } from "../../src/server/index.js";
import { ask, form, listening, photo, portOf, post, raw, SlowModel, until, WritingModel } from "./support.js";

const TOKEN = "0123456789abcdef0123456789abcdef";

function answering(): SlowModel {
  const model = new SlowModel();
  model.release();
  return model;
}

test("URLs and paths in place of pictures are refused, and nothing is fetched", async (t) => {
  let visits = 0;
  const trap = createTrap((_request, response) => response.end(`${++visits}`)).listen(0, "127.0.0.1");
  await once(trap, "listening");
  t.after(() => trap.close());
  const model = answering();
  const address = await listening(t, { model });
  const own = `127.0.0.1:${portOf(trap.address())}/a.jpg`;
  const texts = [`http://${own}`, `//${own}`, "file:///etc/passwd", "gs://bucket/a.jpg", "/etc/passwd", "../../etc/passwd", "C:\\a.jpg", "data:image/jpeg,abc", "data:image/jpeg;base64,a*b=", "", "aGk", "~/a.jpg"]; // prettier-ignore
  for (const text of texts) {
    const { status, body } = await post(address, "/v1/score", { images: [text] });
    assert.deepEqual([status, body.error?.code], [400, "USAGE"], text);
    const content = [{ type: "image_url", image_url: { url: text } }];
    assert.equal(
      (await post(address, "/v1/chat/completions", { messages: [{ role: "user", content }] })).status,
      400,
      text,
    );
  }
  assert.equal((await post(address, "/v1/score", { images: ["12"] })).status, 404, "there is no library");
  assert.deepEqual([visits, model.given.length], [0, 0]);
});

test("without a token, only this machine is answered; with one, 401 without it and 403 for a wrong one", async (t) => {
  const address = await listening(t, { model: answering(), token: TOKEN });
  const status = async (path: string, headers: Record<string, string> = {}): Promise<number> => (await fetch(address + path, { headers })).status; // prettier-ignore
  assert.deepEqual([await status("/v1/models"), await status("/metrics"), await status("/nothing")], [401, 401, 401]);
  for (const wrong of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, "Bearer 0"]) assert.equal(await status("/v1/models", { authorization: wrong }), 403); // prettier-ignore
  assert.equal(await status("/v1/models", { authorization: `Basic ${TOKEN}` }), 401);
  assert.equal(await status("/v1/models", { authorization: `Bearer ${TOKEN}` }), 200);
  assert.equal(await status("/v1/models", { cookie: `a=b; roc4mllm-token=${TOKEN}` }), 200);
  assert.deepEqual([await status("/health"), await status("/"), await status("/openapi.json")], [200, 200, 200]);
  assert.throws(() => createServer({ model: answering(), token: "short" }), { code: "USAGE" });
});

test("a server without a token that somebody lets listen everywhere refuses other addresses", async (t) => {
  const outside = Object.values(networkInterfaces()).flat().find((one) => one && !one.internal && one.family === "IPv4"); // prettier-ignore
  if (!outside) return t.skip("this machine has no other address");
  const server = createServer({ model: answering() });
  t.after(() => server.close());
  await server.listen({ host: "0.0.0.0", port: 0 });
  const port = portOf(server.server.address());
  assert.equal((await fetch(`http://${outside.address}:${port}/v1/models`)).status, 403);
  assert.equal((await fetch(`http://127.0.0.1:${port}/v1/models`)).status, 200);
});

test("a name that is not the server's (DNS rebinding) and pages of other sites are refused", async (t) => {
  const address = await listening(t, { model: answering(), hosts: ["photos.example.org"] });
  const port = new URL(address).port;
  const statusFor = async (host: string): Promise<string> => {
    const text = await raw(address, `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return text.slice(9, 12);
  };
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "a@127.0.0.1",
    "",
    "[::1].evil",
  ]) {
    assert.match(await statusFor(host), /40[03]/, host);
  }
  for (const host of [`127.0.0.1:${port}`, "localhost", `[::1]:${port}`, "photos.example.org"]) assert.equal(await statusFor(host), "200", host); // prettier-ignore
  const foreign = { origin: "https://evil.example" };
  assert.equal((await post(address, "/v1/score", { images: [] }, foreign)).status, 403);
  assert.equal((await post(address, "/v1/score", { images: [] }, { "sec-fetch-site": "cross-site" })).status, 403);
  const preflight = await fetch(`${address}/v1/score`, { method: "OPTIONS", headers: { ...foreign, "access-control-request-method": "POST" } }); // prettier-ignore
  assert.equal(preflight.headers.get("access-control-allow-origin"), null);
  assert.ok(preflight.status >= 400);
});

test("too many bytes, files, pictures and parts are refused before they are kept", async (t) => {
  const model = answering();
  const limits = { bodyBytes: 20_000, pictureBytes: 5000, pictures: 3 };
  const address = await listening(t, { model, limits });
  const head = (rest: string): string =>
    `POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n${rest}`;
  // Nothing of its body is sent: the answer does not wait for it.
  assert.match(await raw(address, head("Content-Length: 9000000000\r\n\r\n")), /^HTTP\/1.1 413 /);
  const part = `--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`;
  const chunk = `${part}${"a".repeat(4000)}\r\n`;
  const chunks = new Array<string>(30).fill(`${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
  assert.match(await raw(address, head(`Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}0\r\n\r\n`)), /^HTTP\/1.1 413 /); // prettier-ignore
  const status = async (body: FormData): Promise<number> =>
    (await ask(address, "/v1/score", { method: "POST", body })).status;
  assert.equal(await status(form(["a", Buffer.alloc(6000)])), 413);
  assert.equal(await status(form(...new Array<[string, Buffer]>(4).fill(["a", Buffer.alloc(10)]))), 413);
  const fields = form();
  for (let i = 0; i < 50; i++) fields.append(`field${i}`, "x");
  assert.ok((await status(fields)) >= 400);
  assert.equal((await post(address, "/v1/score", { images: ["YWJj", "YWJj", "YWJj", "YWJj"] })).status, 413);
  assert.equal((await post(address, "/v1/score", { images: [Buffer.alloc(6000).toString("base64")] })).status, 413);
  assert.equal((await post(address, "/v1/score", { images: ["A".repeat(30_000)] })).status, 413);
  assert.match(await raw(address, `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Huge: ${"a".repeat(40_000)}\r\n\r\n`), /^HTTP\/1.1 431 /); // prettier-ignore
  assert.equal(model.given.length, 0);
});

test("JSON that is deep, poisoned or none is refused, in this thread and in the other", async (t) => {
  const address = await listening(t, { model: answering() });
  const long = JSON.stringify("A".repeat(100_000));
  const bodies = ["[".repeat(100_000), `{"a":`.repeat(5000), `{"images": ["YWJj"], "__proto__": {"x": 1}}`, `{"images": ["YWJj"], "constructor": {}}`, "{", "", "null", `[${long}`, `{"images": ${long}}`, `{"images": [1]}`, `{"images": []}`, `{"x": ${"[".repeat(50)}${"]".repeat(50)}, "y": ${long}}`]; // prettier-ignore
  for (const body of bodies) {
    const { status, body: answer } = await post(address, "/v1/score", body);
    assert.deepEqual([status, answer.error?.code], [400, "USAGE"], body.slice(0, 40));
  }
  const many = `[${"0,".repeat(2_000_000)}0]`;
  const [images, content] = [`{"images": ${many}}`, `{"messages": [{"role": "user", "content": ${many}}]}`];
  for (const [path, body] of [
    ["/v1/score", images],
    ["/v1/chat/completions", content],
  ] as const) {
    const { status, body: answer } = await post(address, path, body);
    assert.deepEqual([status, answer.error?.message], [400, "The body has more than 20000 values."]);
  }
  assert.equal((await post(address, "/v1/score", "x", { "content-type": "text/xml" })).status, 415);
});

test("forms that are not as they should be are refused, and names of files are labels", async (t) => {
  const model = answering();
  const address = await listening(t, { model });
  const send = (body: string, type = "multipart/form-data; boundary=x") => ask(address, "/v1/score", { method: "POST", headers: { "content-type": type }, body: Buffer.from(body, "latin1") }); // prettier-ignore
  const part = (head: string): string => `--x\r\nContent-Disposition: form-data; ${head}\r\n\r\nabc\r\n--x--\r\n`;
  for (const [body, type] of [
    [part('name="file"; filename="a"'), "multipart/form-data"],
    [part('name="file"; filename="a"'), "multipart/form-data; boundary=other"],
    [part('name="file"; filename="a"').slice(0, -12), undefined],
    [part('name="__proto__"; filename="a"'), undefined],
    [part('name="other"; filename="a"'), undefined],
    [part('name="file"'), undefined],
    ["", undefined],
  ] as const) {
    const { status, body: answer } = await send(body, type);
    assert.ok(status >= 400 && status < 500, `${status} ${body}`);
    assert.equal(answer.error?.code, "USAGE");
  }
  const names: unknown[] = [];
  for (const name of ["../../etc/passwd", "C:\\a\\b.jpg", "a\u0000.jpg", "x".repeat(1000), "/etc/", "\u202egpj.exe"]) {
    const { body } = await send(part(`name="file"; filename="${Buffer.from(name).toString("latin1")}"`));
    names.push(body.results?.[0]?.file);
  }
  assert.deepEqual(names, ["passwd", "b.jpg", "a.jpg", "x".repeat(255), "input 1", "gpj.exe"]);
});

test("paths of the page and of the documentation lead nowhere else", async (t) => {
  const address = await listening(t, { model: answering() });
  for (const path of [
    "/../package.json",
    "/%2e%2e/package.json",
    "/..%2f..%2fpackage.json",
    "/docs/static/..%2f..%2f..%2fpackage.json",
    "/docs/static/%2e%2e/%2e%2e/index.js",
    "/.git/config",
    "/%00",
    "/%",
    "//evil.example/",
  ]) {
    const text = await raw(address, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    assert.match(text, /^HTTP\/1.1 40[034] /, path);
    assert.doesNotMatch(text, /"version"|node_modules|\bat .*\.js:/, path);
  }
  const head = await fetch(`${address}/health`, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("x-content-type-options"), head.headers.get("referrer-policy")], [200, "nosniff", "no-referrer"]); // prettier-ignore
});

test("a form that stops in its midst is answered 408, by this server's own words", async (t) => {
  const address = await listening(t, { model: answering(), limits: { requestMs: 200 } });
  const part = `--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc`;
  const head = "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 500\r\n\r\n"; // prettier-ignore
  const said = await raw(address, head + part);
  assert.match(said, /^HTTP\/1.1 408 .*"code":"USAGE","message":"The request took too long to arrive\."/s);
});

test("clients that send for ever are cut off; those that send garbage are told so", async (t) => {
  const address = await listening(t, { model: answering(), limits: { headersMs: 100, requestMs: 300 } });
  const slowHead = await raw(address, "GET /health HTTP/1.1\r\nHost: loc");
  assert.match(slowHead, /^HTTP\/1.1 408 /);
  const slowBody = await raw(address, "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"); // prettier-ignore
  assert.match(slowBody, /^HTTP\/1.1 408 /);
  assert.match(await raw(address, "\u0016\u0003\u0001 no http\r\n\r\n"), /^HTTP\/1.1 400 /);
  assert.match(await raw(address, "POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), /^HTTP\/1.1 400 /); // prettier-ignore
});

test("a full queue answers 429 with Retry-After; a client that goes away frees its place", async (t) => {
  const model = new SlowModel();
  const faults: Error[] = [];
  const address = await listening(t, { model, limits: { queue: 3, pictures: 3 }, onFault: (one) => void faults.push(one) }); // prettier-ignore
  const picture = Buffer.from("abc").toString("base64");
  const waiting = [0, 1].map(() => post(address, "/v1/score", { images: [picture] }));
  const leaver = new AbortController();
  const leaving = fetch(`${address}/v1/score`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ images: [picture] }), signal: leaver.signal }); // prettier-ignore
  leaving.catch(() => undefined);
  await until(() => model.given.length === 3);
  const refused = await post(address, "/v1/score", { images: [picture] });
  assert.deepEqual([refused.status, refused.body.error?.code], [429, "IN_USE"]);
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  leaver.abort();
  await until(() => model.left.length === 1);
  const next = post(address, "/v1/score", { images: [picture] });
  await until(() => model.given.length === 4);
  model.release();
  assert.deepEqual(
    (await Promise.all([...waiting, next])).map(({ status }) => status),
    [200, 200, 200],
  );
  assert.deepEqual(faults, [], "who goes away is no fault");
});

test("pictures that come together are computed together, those of others who ask otherwise are not", async (t) => {
  const model = new SlowModel({ batch: 8 });
  model.release();
  const address = await listening(t, { model, limits: { gatherMs: 200 } });
  const picture = Buffer.from("abc").toString("base64");
  await Promise.all([0, 1, 2].map(() => post(address, "/v1/score", { images: [picture, picture] })));
  const text = await (await fetch(`${address}/metrics`)).text();
  assert.match(text, /roc4mllm_batch_pictures_count 1\n/);
  assert.match(text, /roc4mllm_batch_pictures_sum 6\n/);
});

test("a fault of the server is told to its log alone", async (t) => {
  const faults: Error[] = [];
  const model = new SlowModel({}, new Error("secret of /root/secret.txt"));
  const address = await listening(t, { model, onFault: (error) => void faults.push(error) });
  const { status, body } = await ask(address, "/v1/score", {
    method: "POST",
    body: form(["a.jpg", await photo("portrait-good")]),
  });
  assert.deepEqual([status, body.error?.code], [500, "INTERNAL"]);
  assert.doesNotMatch(JSON.stringify(body), /secret|\bat /);
  assert.match(faults.map(({ message }) => message).join(), /secret/);
});

test("a fault after the first words of a stream is told to the log alone too", async (t) => {
  const faults: Error[] = [];
  const model = new WritingModel({}, new Error("secret of /root/secret.txt"));
  const address = await listening(t, { model, onFault: (error) => void faults.push(error) });
  const url = `data:image/jpeg;base64,${(await photo("portrait-good")).toString("base64")}`;
  const content = [
    { type: "text", text: "What is in it?" },
    { type: "image_url", image_url: { url } },
  ];
  const response = await fetch(`${address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content }], stream: true }),
  });
  const text = await response.text();
  assert.equal(response.status, 200);
  assert.match(text, /"content":"A boat".*"code":"INTERNAL"/s);
  assert.doesNotMatch(text, /secret|\bat /);
  assert.deepEqual(faults.map(({ message }) => message), ["secret of /root/secret.txt"]); // prettier-ignore
});

test("after a text that ends an answer the model writes nothing more", async (t) => {
  const model = new WritingModel();
  const address = await listening(t, { model });
  const url = `data:image/jpeg;base64,${(await photo("portrait-good")).toString("base64")}`;
  const content = [
    { type: "text", text: "What is in it?" },
    { type: "image_url", image_url: { url } },
  ];
  const messages = [{ role: "user", content }];
  const { body } = await post(address, "/v1/chat/completions", { messages, stop: " boat" });
  const [choice] = body["choices"] as { message: { content: string }; finish_reason: string }[];
  assert.deepEqual([choice?.message.content, choice?.finish_reason, model.left.length], ["A", "stop", 1]);
  const headers = { "content-type": "application/json" };
  const asked = { method: "POST", headers, body: JSON.stringify({ messages, stop: ["boat"], stream: true }) };
  const text = await (await fetch(`${address}/v1/chat/completions`, asked)).text();
  assert.match(text, /"content":"A".*"finish_reason":"stop".*\[DONE\]/s);
  assert.equal(model.left.length, 2);
  const two = { messages: [{ role: "user", content: [...content, content[1]] }] };
  const several = await post(address, "/v1/chat/completions", two);
  assert.equal(several.status, 400);
  assert.match(several.body.error?.message ?? "", /one picture at a time/);
});

test("parts of a form that name no field are skipped, however long they are, and hold no place", async (t) => {
  const address = await listening(t, { model: answering(), limits: { queue: 1 } });
  for (const length of [10, 60_000, 1_000_000]) {
    const body = `--XX\r\nX: y\r\n\r\n${"a".repeat(length)}\r\n--XX--\r\n`;
    const headers = { "content-type": "multipart/form-data; boundary=XX" };
    const { status, body: answer } = await ask(address, "/v1/score", { method: "POST", headers, body });
    assert.deepEqual([status, answer.error?.code], [400, "USAGE"]);
  }
});

test("a server that ends answers what comes just then, and does not wait for halves of requests", async () => {
  const server = createServer({ model: answering() });
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const { hostname, port } = new URL(address);
  const connected = async (text: string): Promise<{ send: (more: string) => void; said: Promise<string> }> => {
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    socket.write(text);
    let said = "";
    socket.setEncoding("latin1").on("data", (more: string) => (said += more));
    socket.on("error", () => undefined);
    return { send: (more) => void socket.write(more), said: once(socket, "close").then(() => said) };
  };
  const [half, silent, late] = [
    await connected("GET /health HTTP/1.1\r\nHo"),
    await connected(""),
    await connected(""),
  ];
  const begun = performance.now();
  const closed = server.close();
  late.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assert.match(await late.said, /^HTTP\/1.1 200 .*connection: close/is);
  assert.match(await half.said, /^HTTP\/1.1 503 .*"error":\{"code":"IN_USE"/s);
  assert.equal(await silent.said, "");
  await closed;
  assert.ok(performance.now() - begun < 9000, "less than the limit of a request's headers");
});

test("a server that ends waits for the rest of a body as long as for headers, and then gives 503", async () => {
  const server = createServer({ model: answering(), limits: { headersMs: 300 } });
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const half = raw(address, "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"); // prettier-ignore
  await until(() => new Promise((resolve) => server.server.getConnections((_, count) => resolve(count > 0))));
  const ended = server.close();
  assert.match(await half, /^HTTP\/1.1 503 .*"error":\{"code":"IN_USE","message":"The server ends/s);
  await ended;
});

test("closing answers what was accepted and takes nothing more", async () => {
  const model = new SlowModel();
  const server = createServer({ model });
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const accepted = post(address, "/v1/score", { images: [Buffer.from("abc").toString("base64")] });
  await until(() => model.given.length === 1);
  const closed = server.close();
  const port = Number(new URL(address).port);
  await until(() => new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket.destroy() === undefined));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  })); // prettier-ignore
  model.release();
  assert.equal((await accepted).status, 200);
  await closed;
});
