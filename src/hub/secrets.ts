/** Tokens and passwords: checked before they are used, and never part of a message. */
import { messageOf, RocError } from "../errors.js";

/** What a header can carry: an error of the network's own would print it. */
const TOKEN = /^[\x21-\x7e]+$/;

/** @throws RocError USAGE, without the token, where it cannot be one */
export function checkToken(token: string | undefined): void {
  if (token === undefined || TOKEN.test(token)) return;
  const what = /\s/.test(token) ? "a blank or a line break" : "a character that no token has";
  const text = `The token for the hub (HF_TOKEN, or the file that huggingface-cli login wrote) holds ${what}`;
  throw new RocError("USAGE", `${text}. Copy it again from the hub's page of access tokens, as one line.`);
}

/** An address for a message: without user and password, also where it is none. */
export function shown(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/i, "$1***@");
}

/** A text without the secrets that it holds. */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  // Short ones are words that stand in a message anyhow.
  const real = secrets.filter((secret) => secret !== undefined && secret.length >= 4) as string[];
  return real.reduce((kept, secret) => kept.replaceAll(secret, "***"), text);
}

/** A cause that may be printed: where its text or that of what caused it holds a secret, only the cleaned message. */
export function cleanCause(cause: unknown, secrets: readonly (string | undefined)[]): unknown {
  const texts: string[] = [];
  for (let error = cause; error instanceof Error && texts.length < 20; error = error.cause) {
    texts.push(error.stack ?? "", error.message);
  }
  const text = texts.join("\n");
  return withoutSecrets(text, secrets) === text ? cause : new Error(withoutSecrets(messageOf(cause), secrets));
}
