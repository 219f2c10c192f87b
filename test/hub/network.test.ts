/** The connection to the hub: proxies, pauses, tokens; and hubs whose responses are endless, missing or wrong. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect as netConnect, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { isRocError } from "../../src/errors.js";
import { downloadModel, type HubSettings } from "../../src/hub/index.js";
import { listRepo } from "../../src/hub/listing.js";
import { proxyFor } from "../../src/hub/proxy.js";
import { connect } from "../../src/hub/request.js";
import { ROOT } from "../support.js";
import { fails, fakeHub, into, serve, type FakeHub } from "./support.js";

const FILES = {
  "config.json": { content: Buffer.from('{"model_type": "llava"}') },
  "model.safetensors": { content: Buffer.alloc(300_000, "weights "), lfs: true },
};

const BEFORE = { ...process.env };

/** Sets environment variables for a test; undefined removes one. */
function withEnvironment(t: TestContext, values: Readonly<Record<string, string | undefined>>): void {
  const set = (name: string, value: string | undefined): void =>
    void (value === undefined ? delete process.env[name] : (process.env[name] = value));
  for (const [name, value] of Object.entries(values)) set(name, value);
  t.after(() => Object.keys(values).forEach((name) => set(name, BEFORE[name])));
}

const NO_PROXIES = Object.fromEntries(
  ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"].flatMap((name) => [
    [name, undefined],
    [name.toLowerCase(), undefined],
  ]),
);

/** A proxy that records requests and credentials; it forwards, and tunnels. */
async function proxy(t: TestContext): Promise<{ address: string; asked: string[] }> {
  const asked: string[] = [];
  const open = new Set<Socket>();
  const note = ({ method, url, headers }: IncomingMessage): void =>
    void asked.push(`${method} ${url} ${headers["proxy-authorization"] ?? "-"} ${headers.authorization ?? "-"}`);
  const server = createServer((request, response) => {
    note(request);
    const { method, headers } = request;
    const onward = httpRequest(request.url ?? "", { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end();
  });
  server.on("connect", (request, socket: Socket) => {
    note(request);
    const [host, port] = (request.url ?? "").split(":");
    const onward = netConnect(Number(port), host ?? "", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    onward.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    socket.on("error", () => onward.destroy());
    onward.pipe(socket).pipe(onward);
  });
  server.on("connection", (socket) => open.add(socket));
  await new Promise<void>((started) => server.listen(0, "127.0.0.1", started));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test("a proxy of the environment is used, with its credentials, which are never sent to the hub", async (t) => {
  const hub = await fakeHub(t, FILES);
  const { address, asked } = await proxy(t);
  withEnvironment(t, { ...NO_PROXIES, HTTP_PROXY: `http://user:p%40ss@${address}` });
  await downloadModel("owner/model", into(t, hub, { token: "secret-token" }));
  const basic = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
  assert.ok(asked.length >= 4, "information, list and two files");
  for (const line of asked) assert.ok(line.startsWith(`GET http://127.0.0.1:`) && line.includes(basic), line);
  assert.equal(asked.filter((line) => line.includes("Bearer secret-token")).length, asked.length - 1, asked.join("\n"));

  asked.length = 0;
  withEnvironment(t, { NO_PROXY: "127.0.0.0/8" });
  await downloadModel("owner/model", into(t, hub));
  assert.deepEqual(asked, []);
});

test("an HTTPS hub is reached through a tunnel", async (t) => {
  const { address, asked } = await proxy(t);
  withEnvironment(t, { ...NO_PROXIES, https_proxy: address });
  // No server listens there any more. Port 9 and the like are refused by `fetch` itself.
  const port = await new Promise<number>((found) => {
    const gone = createServer().listen(0, "127.0.0.1", () => {
      const { port } = gone.address() as AddressInfo;
      gone.close(() => found(port));
    });
  });
  const settings = { endpoint: `https://127.0.0.1:${port}`, offline: false, token: undefined, cacheDir: "/none" };
  await assert.rejects(
    downloadModel("owner/model", { settings, retryDelay: 1, idleTime: 5000 }),
    fails("NETWORK", /502.*HTTPS_PROXY/),
  );
  assert.ok(asked.length > 0 && asked.every((line) => line.startsWith(`CONNECT 127.0.0.1:${port} `)), asked.join("\n"));
});

test("an unreachable or refusing proxy is reported without its password", async (t) => {
  const hub = await fakeHub(t, FILES);
  const refusing = await serve(t, (_, response) => void response.writeHead(407).end());
  for (const where of ["127.0.0.1:9", new URL(refusing).host]) {
    withEnvironment(t, { ...NO_PROXIES, ALL_PROXY: `user:topsecret@${where}` });
    await assert.rejects(downloadModel("owner/model", into(t, hub)), (error) => {
      assert.ok(isRocError(error) && error.code === "NETWORK", String(error));
      return !inspect(error, { depth: 9 }).includes("topsecret");
    });
  }
});

test("selection of the proxy, as in Python's requests and curl", () => {
  const of = (url: string, env: Record<string, string>): string | undefined => proxyFor(new URL(url), env)?.origin;
  const hub = "https://huggingface.co/api";
  const both = { HTTPS_PROXY: "http://upper:1", https_proxy: "http://lower:2" };
  assert.equal(of(hub, both), "http://lower:2");
  assert.equal(of(hub, { HTTPS_PROXY: "upper:1" }), "http://upper:1");
  assert.equal(of(hub, { HTTPS_PROXY: "https://secure" }), "https://secure");
  assert.equal(of(hub, { HTTP_PROXY: "upper:1" }), undefined);
  assert.equal(of("http://mirror/", { HTTP_PROXY: "upper:1" }), "http://upper:1");
  assert.equal(of("http://mirror/", { HTTP_PROXY: "upper:1", REQUEST_METHOD: "GET" }), undefined);
  assert.equal(of("http://mirror/", { http_proxy: "lower:1", REQUEST_METHOD: "GET" }), "http://lower:1");
  assert.equal(of(hub, { all_proxy: "all:3" }), "http://all:3");
  assert.equal(of(hub, { ALL_PROXY: "all:3", HTTPS_PROXY: "own:1" }), "http://own:1");
  assert.equal(of(hub, { HTTPS_PROXY: "upper:1", https_proxy: "" }), undefined, "an empty one disables it");
  for (const list of [
    "*",
    "huggingface.co",
    "localhost, huggingface.co",
    "HuggingFace.co",
    ".huggingface.co",
    "*.huggingface.co",
    "co",
    "huggingface.co:443",
  ]) {
    assert.equal(of(hub, { HTTPS_PROXY: "p:1", NO_PROXY: list }), undefined, list);
  }
  for (const list of ["", "face.co", "huggingface.co:80", "huggingface.com", "cdn.huggingface.co", "10.0.0.0/8", ","]) {
    assert.equal(of(hub, { HTTPS_PROXY: "p:1", NO_PROXY: list }), "http://p:1", list);
  }
  assert.equal(of("https://cdn.huggingface.co/", { HTTPS_PROXY: "p:1", no_proxy: "huggingface.co" }), undefined);
  for (const [address, list] of [
    ["10.1.2.3", "10.0.0.0/8"],
    ["10.1.2.3:8080", "10.1.2.3"],
    ["[::1]", "::1"],
    ["[::1]:8080", "[::1]:8080"],
    ["[fd00::1]", "fd00::/8"],
  ]) {
    assert.equal(of(`https://${address}/`, { HTTPS_PROXY: "p:1", NO_PROXY: list ?? "" }), undefined, list);
  }
  assert.equal(of("https://11.1.2.3/", { HTTPS_PROXY: "p:1", NO_PROXY: "10.0.0.0/8,11.0.0.0/99" }), "http://p:1");
  assert.throws(() => of(hub, { HTTPS_PROXY: "socks5://me:topsecret@p:1" }), fails("USAGE", /^(?!.*topsecret).*HTTPS_PROXY.*socks5/)); // prettier-ignore
  assert.throws(
    () => of(hub, { https_proxy: "http://me:topsecret@:x" }),
    fails("USAGE", /^(?!.*topsecret)https_proxy/),
  );
});

for (const [kind, value] of [
  ["seconds", () => "1"],
  ["a date", () => new Date(Date.now() + 2000).toUTCString()],
] as const) {
  test(`a pause that the hub requests in ${kind} is observed and reported`, { timeout: 30_000 }, async (t) => {
    const hub = await fakeHub(t, FILES);
    let [asked, answered] = [0, 0];
    hub.answers.set("info", (_, response) => {
      hub.answers.delete("info");
      asked = performance.now();
      response.writeHead(429, { "retry-after": value() }).end();
    });
    const listed = (request: IncomingMessage, response: ServerResponse): void => {
      answered = performance.now();
      hub.answers.delete("tree");
      response.writeHead(302, { location: request.url ?? "" }).end();
    };
    hub.answers.set("tree", listed);
    const notes: string[] = [];
    await downloadModel("owner/model", { ...into(t, hub), onWait: (text) => notes.push(text) });
    assert.match(notes.join(), /^The hub is busy .*owner\/model resumes in [12] s\.$/);
    // A date has whole seconds: of the two requested, more than one is left.
    assert.ok(answered - asked > 950, `asked again after ${answered - asked} ms`);
  });
}

test("a pause that is too long ends the download and is reported", async (t) => {
  const hub = await fakeHub(t, FILES);
  for (const [value, message] of [
    ["86400", /1440 minutes/],
    [new Date(Date.now() + 7_200_000).toUTCString(), /1\d\d minutes/],
  ] as const) {
    hub.answers.set("info", (_, response) => void response.writeHead(503, { "retry-after": value }).end());
    await assert.rejects(downloadModel("owner/model", into(t, hub)), fails("NETWORK", message));
  }
  hub.answers.clear();
  let count = 0;
  hub.answers.set("info", (_, response) => void response.writeHead(503, { "retry-after": ["soon", "-5", "0"][count++ % 3] ?? "" }).end()); // prettier-ignore
  await assert.rejects(downloadModel("owner/model", into(t, hub)), fails("NETWORK", /HTTP 503/));
  assert.equal(count, 5);
});

const SECRET = "hf_SECRETSECRET";
/** So long that an error of JSON.parse quotes a part of it. */
const CUT_SECRET = `hf_${"SECRET".repeat(20)}`;

test("a malformed token is refused without being printed", async (t) => {
  const hub = await fakeHub(t, FILES);
  for (const token of [
    `${SECRET}\nhf_y`,
    `${SECRET}\r\n x`,
    `${SECRET} x`,
    `${SECRET}\0`,
    `${SECRET}é`,
    `${SECRET}\u{1f600}`,
  ]) {
    await assert.rejects(downloadModel("owner/model", into(t, hub, { token })), (error) => {
      assert.ok(isRocError(error) && error.code === "USAGE", String(error));
      assert.match(error.message, /token.*HF_TOKEN/s);
      return !inspect(error, { depth: 9 }).includes("SECRET");
    });
  }
  assert.deepEqual(hub.tokens, [], "the hub was not asked");
});

test("an address with a password is refused without being printed", async (t) => {
  const hub = await fakeHub(t, FILES);
  for (const endpoint of [
    `http://me:${SECRET}@127.0.0.1:9`,
    `me:${SECRET}@mirror`,
    `http://me:${SECRET}/@mirror`,
    `https://me:${SECRET}@:x/`,
  ]) {
    await assert.rejects(downloadModel("owner/model", into(t, hub, { endpoint })), (error) => {
      assert.ok(isRocError(error) && error.code === "USAGE", String(error));
      assert.match(error.message, /HF_ENDPOINT/);
      return !inspect(error, { depth: 9 }).includes("SECRET");
    });
  }
});

test("a token is in no output of the program, whatever the hub answers", { timeout: 120_000 }, async (t) => {
  const hub = await fakeHub(t, FILES);
  const echo = (status: number) => (request: IncomingMessage, response: ServerResponse) =>
    void response
      .writeHead(status, { "content-type": "application/json", location: `/${String(request.headers.authorization)}` })
      .end(`{"error": "${request.headers.authorization}", "sha": "${request.headers.authorization}"`);
  for (const [token, status] of [
    [SECRET, 401],
    [SECRET, 200],
    [SECRET, 302],
    [CUT_SECRET, 200],
    [`${SECRET}\nhf_y`, 200],
  ] as const) {
    hub.answers.set("info", echo(status));
    const { output, code } = await programSays(t, hub, token);
    assert.ok([2, 8].includes(code ?? -1), `${code}: ${output}`);
    assert.match(output, /"error":/);
    assert.ok(!output.includes("SECRET"), output);
  }
});

/** What `download --json` prints, errors included. */
async function programSays(
  t: TestContext,
  hub: FakeHub,
  token: string,
): Promise<{ output: string; code: number | null }> {
  const { cacheDir } = into(t, hub);
  const env = { ...process.env, ...NO_PROXIES, HF_ENDPOINT: hub.endpoint, HF_TOKEN: token };
  const argv = [`${ROOT}dist/src/cli/main.js`, "download", "owner/model", "--json", "--cache-dir", cacheDir];
  const child = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)));
  const [code] = (await once(child, "close")) as [number | null];
  return { output, code };
}

test("the token is not sent to a redirect or a next page elsewhere", async (t) => {
  const hub = await fakeHub(t, FILES);
  const heard: (string | undefined)[] = [];
  const other = await serve(t, (request, response) => {
    heard.push(request.headers.authorization);
    if (request.url === "/x") return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/json" }).end("[]");
  });
  hub.answers.set("tree", (_, response) => {
    response.writeHead(200, { "content-type": "application/json", link: `<${other}/next>; rel="next"` });
    response.end(JSON.stringify([{ type: "file", path: "config.json", size: 23, oid: "0".repeat(40) }]));
  });
  hub.answers.set("config.json", (_, response) => void response.writeHead(302, { location: `${other}/x` }).end());
  await assert.rejects(
    downloadModel("owner/model", into(t, hub, { token: SECRET })),
    fails("NETWORK", /config\.json.*HTTP 404/s),
  );
  assert.deepEqual(heard, [undefined, undefined]);
});

const JSON_TYPE = { "content-type": "application/json" };

/** Sends for as long as the client is connected. */
function endlessly(response: ServerResponse, chunk: Buffer | string, every?: number): void {
  const send = (): void => {
    if (response.destroyed) return;
    const next = (): void => void (every === undefined ? setImmediate(send) : setTimeout(send, every));
    response.write(chunk, next);
  };
  send();
}

const BOMB = gzipSync(Buffer.alloc(1 << 26, " "));

/** Responses that must neither hang nor fill the memory. */
const HOSTILE: Readonly<
  Record<string, [kind: "info" | "tree" | "config.json", (q: IncomingMessage, r: ServerResponse) => void, RegExp]>
> = {
  "a list without end": [
    "tree",
    (_, response) => {
      response.writeHead(200, JSON_TYPE);
      response.write("[");
      endlessly(response, `${JSON.stringify({ type: "directory", path: "x".repeat(1000) })},`.repeat(1000));
    },
    /more than \d+ bytes/,
  ],
  "information without end": [
    "info",
    (_, response) => {
      response.writeHead(200, JSON_TYPE);
      endlessly(response, " ".repeat(1 << 20));
    },
    /more than \d+ bytes/,
  ],
  "an error's text without end": [
    "info",
    (_, response) => {
      response.writeHead(403, JSON_TYPE);
      endlessly(response, " ".repeat(1 << 20));
    },
    /HTTP 403/,
  ],
  "a compressed bomb": [
    "tree",
    (_, response) => {
      response.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip" }).end(BOMB);
    },
    /more than \d+ bytes/,
  ],
  "the same page again": [
    "tree",
    (request, response) => {
      const url = `http://${request.headers.host}${request.url}`;
      response.writeHead(200, { ...JSON_TYPE, link: `<${url}>; rel="next"` }).end("[]");
    },
    /has no end/,
  ],
  "always another page": [
    "tree",
    (request, response) => {
      const url = `http://${request.headers.host}${request.url?.replace(/&n=.*/, "")}&n=${Math.random()}`;
      response.writeHead(200, { ...JSON_TYPE, link: `<${url}>; rel="next"` }).end("[]");
    },
    /has no end/,
  ],
  "redirects in a circle": [
    "info",
    (request, response) => {
      response.writeHead(302, { location: request.url ?? "" }).end();
    },
    /redirect/,
  ],
  "ever another redirect": [
    "config.json",
    (request, response) => {
      response.writeHead(307, { location: `${request.url}x`.replace("config.jsonx", "config.json?x") }).end();
    },
    /redirect/,
  ],
  "no answer": ["info", () => undefined, /no answer for/],
  "no answer for a file": ["config.json", () => undefined, /no answer for/],
  "half an answer": [
    "tree",
    (_, response) => {
      response.writeHead(200, { ...JSON_TYPE, "content-length": 1000 });
      response.write("[");
    },
    /came for/,
  ],
  "a byte now and then": [
    "tree",
    (_, response) => {
      response.writeHead(200, JSON_TYPE);
      endlessly(response, " ", 30);
    },
    /only \d+ bytes came/,
  ],
  "a byte of a file now and then": [
    "config.json",
    (_, response) => {
      response.writeHead(200);
      endlessly(response, " ", 50);
    },
    /only \d+ bytes came|has more than/,
  ],
  "a list that is shorter than it says": [
    "tree",
    (_, response) => {
      response.writeHead(200, { ...JSON_TYPE, "content-length": 1000 });
      response.write("[]", () => response.destroy());
    },
    /could not be fetched/,
  ],
  "a list that is longer than it says": [
    "tree",
    (_, response) => {
      response.writeHead(200, { ...JSON_TYPE, "content-length": 1 });
      response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n[]`);
    },
    /not what a hub sends/,
  ],
  "a file that is longer than it says": [
    "config.json",
    (_, response) => {
      response.writeHead(200);
      endlessly(response, "x".repeat(1000));
    },
    /has more than 23 bytes/,
  ],
  "a web page": [
    "info",
    (_, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>Please log in to this wireless network");
    },
    /not what a hub sends \(the answer is not JSON\)/,
  ],
};

for (const [name, [kind, answer, message]] of Object.entries(HOSTILE)) {
  test(`${name} ends with an error`, { timeout: 120_000 }, async (t) => {
    const hub = await fakeHub(t, FILES);
    hub.answers.set(kind, answer);
    await assert.rejects(downloadModel("owner/model", { ...into(t, hub), idleTime: 400 }), (error) => {
      assert.ok(isRocError(error) && ["NETWORK", "CHECKPOINT_INVALID"].includes(error.code), String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}

for (const [kind, status, body, message] of [
  ["info", 200, "null", /expected object/],
  ["info", 200, "[]", /expected object/],
  ["info", 204, "", /empty/],
  ["info", 200, `Bearer ${CUT_SECRET}`, /not JSON/],
  ["tree", 200, "null", /expected array/],
  ["tree", 200, '{"a":1}', /expected array/],
  ["tree", 200, "[1,null]", /an entry is neither a file/],
  ["tree", 204, "", /empty/],
  ["tree", 200, "<html>", /not JSON/],
] as const) {
  test(`${kind} that is ${status} ${body.slice(0, 20)} is refused at once`, async (t) => {
    const hub = await fakeHub(t, FILES);
    let asked = 0;
    hub.answers.set(kind, (_, response) => {
      asked += 1;
      response.writeHead(status, JSON_TYPE).end(body);
    });
    await assert.rejects(downloadModel("owner/model", into(t, hub)), (error) => {
      assert.ok(fails("NETWORK", /owner\/model is not what a hub sends \(.*\)\. Check HF_ENDPOINT/)(error));
      assert.match(String(error), message);
      return !inspect(error, { depth: 9 }).includes("SECRET");
    });
    assert.equal(asked, 1);
  });
}

test("a list that takes too long is not requested again", async (t) => {
  const hub = await fakeHub(t, FILES);
  let asked = 0;
  hub.answers.set("info", (_, response) => {
    asked += 1;
    response.writeHead(200, JSON_TYPE).end("{}");
  });
  const { settings, retryDelay } = into(t, hub);
  const client = connect(settings as HubSettings, {});
  t.after(() => client.end());
  const patience = { retryDelay, longest: -1 };
  await assert.rejects(
    listRepo("owner/model", "main", settings as HubSettings, client.fetch, patience),
    fails("NETWORK", /did not come to an end in time/),
  );
  assert.equal(asked, 1);
});

test("an index that echoes the token is not quoted", async (t) => {
  const index = { content: Buffer.from(`Bearer ${CUT_SECRET}`) };
  const hub = await fakeHub(t, { "config.json": FILES["config.json"], "model.safetensors.index.json": index });
  await assert.rejects(downloadModel("owner/model", into(t, hub, { token: CUT_SECRET })), (error) => {
    assert.ok(fails("CHECKPOINT_INVALID", /index\.json is not JSON/)(error));
    return !inspect(error, { depth: 9 }).includes("SECRET");
  });
});
