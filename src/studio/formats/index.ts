/** Every format that the studio writes, by the kind under which `readDataset` reads it. */
import { aadbFormat } from "./aadb.js";
import { avaCaptionsFormat } from "./ava-captions.js";
import { avaFormat } from "./ava.js";
import { csvFormat } from "./csv.js";
import { flickrAesFormat } from "./flickr-aes.js";
import { fliveFormat } from "./flive.js";
import { icaa17kFormat } from "./icaa17k.js";
import { kadidFormat } from "./kadid10k.js";
import { koniqFormat } from "./koniq10k.js";
import { paraFormat } from "./para.js";
import { spaqFormat } from "./spaq.js";
import { tad66kFormat } from "./tad66k.js";
import type { StudioFormat } from "./types.js";

export const STUDIO_FORMATS = ["ava", "tad66k", "icaa17k", "aadb", "para", "ava-captions", "csv", "koniq10k", "spaq", "kadid10k", "flive", "flickr-aes"] as const satisfies readonly StudioFormatName[]; // prettier-ignore

/**
 * In whose official files a studio is written.
 *
 * @category Data sets
 */
export type StudioFormatName =
  | ("ava" | "tad66k" | "icaa17k" | "aadb" | "para" | "ava-captions" | "csv")
  | ("koniq10k" | "spaq" | "kadid10k" | "flive" | "flickr-aes");

export const FORMATS: Readonly<Record<StudioFormatName, StudioFormat>> = {
  ava: avaFormat,
  tad66k: tad66kFormat,
  icaa17k: icaa17kFormat,
  aadb: aadbFormat,
  para: paraFormat,
  "ava-captions": avaCaptionsFormat,
  csv: csvFormat,
  koniq10k: koniqFormat,
  spaq: spaqFormat,
  kadid10k: kadidFormat,
  flive: fliveFormat,
  "flickr-aes": flickrAesFormat,
};
