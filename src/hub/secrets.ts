/** Tokens and passwords: checked before use, and never part of a message. */
import { messageOf, RocError } from "../errors.js";

/** Characters that a header can carry: the network library's error for others would print the token. */
const TOKEN = /^[\x21-\x7e]+$/;

/** @throws RocError USAGE, without the token, where it is malformed */
export function checkToken(token: string | undefined): void {
  if (token === undefined || TOKEN.test(token)) return;
  const what = /\s/.test(token) ? "a blank or a line break" : "a character that is not allowed in a token";
  const text = `The token for the hub (HF_TOKEN, or the file that huggingface-cli login wrote) holds ${what}`;
  throw new RocError("USAGE", `${text}. Copy it again from the hub's page of access tokens, as one line.`);
}

/** An address for a message, without user and password, even where it is malformed. */
export function shown(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/i, "$1***@");
}

/** A text with its secrets replaced by ***. */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  // Very short secrets could be ordinary words of a message.
  const real = secrets.filter((secret) => secret !== undefined && secret.length >= 4) as string[];
  return real.reduce((cleaned, secret) => cleaned.replaceAll(secret, "***"), text);
}

/** A printable cause: where its text or that of its own cause holds a secret, only the cleaned message. */
export function cleanCause(cause: unknown, secrets: readonly (string | undefined)[]): unknown {
  const texts: string[] = [];
  for (let error = cause; error instanceof Error && texts.length < 20; error = error.cause) {
    texts.push(error.stack ?? "", error.message);
  }
  const text = texts.join("\n");
  return withoutSecrets(text, secrets) === text ? cause : new Error(withoutSecrets(messageOf(cause), secrets));
}
