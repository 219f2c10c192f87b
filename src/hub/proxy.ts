/** The proxy from the environment variables, as Python's requests and curl read them. */
import { BlockList, isIP } from "node:net";
import { Agent, Dispatcher, ProxyAgent } from "undici";
import { RocError } from "../errors.js";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Proxy {
  /** The environment variable that sets it. */
  readonly variable: string;
  /** Without credentials. */
  readonly origin: string;
  /** The header `Proxy-Authorization`; a secret. */
  readonly authorization: string | undefined;
}

/**
 * The proxy for an address: from `http_proxy` or `https_proxy`, else `all_proxy`, unless `no_proxy` lists the host.
 * Upper-case names are accepted too; lower case takes precedence.
 *
 * @throws RocError USAGE naming the variable, never its value, where it is not an address or of an unsupported scheme
 */
export function proxyFor(url: URL, env: Environment): Proxy | undefined {
  const list = variable(env, "no_proxy");
  if (list && isDirect(url, list.value)) return undefined;
  const found = variable(env, `${url.protocol.slice(0, -1)}_proxy`) ?? variable(env, "all_proxy");
  return found && parsed(found);
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

/** An empty value counts as set, and means no proxy. */
function variable(env: Environment, name: string): Variable | undefined {
  // Under CGI, HTTP_PROXY holds the client's header "Proxy".
  const upper = name === "http_proxy" && env["REQUEST_METHOD"] !== undefined ? [] : [name.toUpperCase()];
  const found = [name, ...upper].find((one) => env[one] !== undefined);
  const value = found && env[found]?.trim();
  return found && value ? { name: found, value } : undefined;
}

function parsed({ name, value }: Variable): Proxy {
  const text = value.includes("://") ? value : `http://${value}`;
  if (!URL.canParse(text)) throw new RocError("USAGE", `${name} is not the address of a proxy (http://host:port).`);
  const { protocol, host, username, password } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") {
    const remedy = "Give a proxy of scheme http or https, or unset the variable.";
    throw new RocError("USAGE", `${name} names a proxy of scheme ${protocol.slice(0, -1)}, which is unsupported. ${remedy}`); // prettier-ignore
  }
  const credentials = [username, password].map(decoded).join(":");
  const authorization = username || password ? `Basic ${Buffer.from(credentials).toString("base64")}` : undefined;
  return { variable: name, origin: `${protocol}//${host}`, authorization };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a list such as `localhost, .corp.example, 10.0.0.0/8, host:8080, *` names the host, or a parent domain. */
function isDirect({ hostname, port, protocol }: URL, list: string): boolean {
  const host = bare(hostname);
  const ownPort = port || (protocol === "https:" ? "443" : "80");
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === "" || entry === "*") return entry === "*";
    if (inNetwork(host, entry)) return true;
    const [, named = "", wantedPort] = /^(.*?)(?<!:[^\]]*):(\d+)$/.exec(entry) ?? [undefined, entry];
    const name = bare(named.replace(/^\*?\./, ""));
    const fits = host === name || host.endsWith(`.${name}`);
    return fits && name !== "" && (wantedPort === undefined || wantedPort === ownPort);
  });
}

function bare(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$|\.$/g, "");
}

function inNetwork(host: string, entry: string): boolean {
  const [, network = "", bits = ""] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  const [family, own] = [isIP(network), isIP(host)];
  if (family === 0 || family !== own || Number(bits) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family === 4 ? "ipv4" : "ipv6");
  return list.check(host, family === 4 ? "ipv4" : "ipv6");
}

/** Sends each request, redirects included, through the environment's proxy for its address, or directly. */
export class EnvironmentDispatcher extends Dispatcher {
  readonly #direct = new Agent();
  readonly #proxies = new Map<string, ProxyAgent>();

  constructor(private readonly env: Environment) {
    super();
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandlers): boolean {
    return this.#for(new URL(String(options.origin))).dispatch(options, handler);
  }

  #for(url: URL): Dispatcher {
    const proxy = proxyFor(url, this.env);
    if (!proxy) return this.#direct;
    const { origin, authorization } = proxy;
    const known = this.#proxies.get(origin);
    if (known) return known;
    // Plain HTTP goes through the proxy without a tunnel, as in curl: many proxies allow tunnels to port 443 only.
    const agent = new ProxyAgent({ uri: origin, proxyTunnel: false, ...(authorization && { token: authorization }) });
    this.#proxies.set(origin, agent);
    return agent;
  }

  /** Closes every connection. */
  async end(): Promise<void> {
    await Promise.all([this.#direct, ...this.#proxies.values()].map((agent) => agent.destroy()));
  }
}
