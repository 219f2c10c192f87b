/**
 * Stars, labels and picks in XMP sidecars, as photo programs read them (docs/sidecars.md).
 *
 * Writing is planned first, so that who undoes it can keep what stood there before anything changes. What we wrote is
 * repeated in a namespace of our own: a star that is not what we wrote there is a person's, and stays.
 */
import { access, constants, readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { RocError } from "../errors.js";
import { ifThere, readBytes, replaceFile } from "../files/index.js";
import { isImageName } from "../image/extensions.js";
import { pathOfName, readableName } from "../image/index.js";
import type { Packet, Property } from "./packet.js";

/**
 * How a sidecar is called: `IMG.CR2.xmp` (`appended`: darktable, digiKam, Immich) or `IMG.xmp` (`replaced`: Lightroom,
 * Capture One, Immich).
 *
 * @category Photos
 */
export type SidecarNaming = "appended" | "replaced";

/**
 * What a sidecar says of its photo.
 *
 * @category Photos
 */
export interface SidecarContent {
  /** Stars, 1 to 5; undefined where it is not rated (0), or rejected. */
  readonly rating?: number;
  /** Stars, 1 to 5, that a person's rejection has taken the place of: they are back once it is taken away. */
  readonly beneath?: number;
  /** As the program wrote it: "Red", "Green", ... */
  readonly label?: string;
  /** The flag, as each program writes it. */
  readonly pick?: "pick" | "reject";
  /** Whether all of these are what this program wrote: nobody has changed them since. */
  readonly ours: boolean;
}

/**
 * What is to be written.
 *
 * @category Photos
 */
export interface SidecarChange {
  /** Whole stars, 0 to 5; 0: not rated. */
  readonly rating?: number;
  /** A colour as Lightroom names it: "Red", "Green", ... */
  readonly label?: string;
  /** "none": neither of them, of which what stands there is taken away. */
  readonly pick?: "pick" | "reject" | "none";
}

/**
 * A part of a {@link SidecarChange}.
 *
 * @category Photos
 */
export type SidecarField = keyof SidecarChange;

/**
 * Who says so.
 *
 * @category Photos
 */
export interface WriteOptions {
  /**
   * `program` (default): the change replaces what this program wrote before, and leaves alone what a person gave.
   * `person`: what the change names is set, and what it does not name stays.
   */
  readonly by?: "program" | "person";
  /** The photo's own star, where it is known already; default: it is read from the photo. */
  readonly embedded?: number | undefined;
}

/** What else is to be known of sidecars that several photos have. */
export interface SharedOptions extends WriteOptions {
  /** Sidecars that say what is to be said of other photos: they are read and not written. */
  readonly taken?: ReadonlySet<string>;
}

/**
 * One file that changes, or is new.
 *
 * @category Photos
 */
export interface SidecarWrite {
  /** Its path. */
  readonly file: string;
  /** Of which one at least has to be there when it is written; none: that is not asked. */
  readonly photos?: readonly string[];
  /** What stands there; undefined: no file. */
  readonly before: Uint8Array | undefined;
  /** What is to stand there. */
  readonly after: Uint8Array;
}

/**
 * What writing would do.
 *
 * @category Photos
 */
export interface SidecarPlan {
  /** The photo. */
  readonly photo: string;
  /** None where all is there already. */
  readonly writes: readonly SidecarWrite[];
  /** What is not written, since a person gave another. */
  readonly kept: readonly SidecarField[];
}

/** What writing would do for several photos. */
export interface SharedPlan extends Omit<SidecarPlan, "photo"> {
  /** The sidecars that say it, whether they change or not. */
  readonly sidecars: readonly string[];
}

const XMP = { uri: "http://ns.adobe.com/xap/1.0/", prefix: "xmp" };
const DYNAMIC = { uri: "http://ns.adobe.com/xmp/1.0/DynamicMedia/", prefix: "xmpDM" };
const DIGIKAM = { uri: "http://www.digikam.org/ns/1.0/", prefix: "digiKam" };
const OWN = { uri: "urn:roc4mllm:xmp:1.0/", prefix: "roc4mllm" };

const RATING: Property = { ...XMP, name: "Rating" };
const LABEL: Property = { ...XMP, name: "Label" };
const PICK: Property = { ...DYNAMIC, name: "pick" };
const GOOD: Property = { ...DYNAMIC, name: "good" };
const PICK_LABEL: Property = { ...DIGIKAM, name: "PickLabel" };

/** The properties of which this program repeats what it wrote. */
const WRITTEN = [RATING, LABEL, PICK, GOOD, PICK_LABEL];

/** A person's stars beneath a rejection, which has the place of the rating: no other program takes them away. */
const BENEATH: Property = { ...OWN, name: "RatingBeneathRejection" };

function mark({ name }: Property): Property {
  return { ...OWN, name };
}

/** Sidecars are read whole; darktable's with many masks have a few megabytes. */
const MAX_BYTES = 2 ** 26;

/**
 * The sidecars of a photo that are there, under both rules of names.
 *
 * @category Photos
 */
export async function sidecarsOf(photo: string): Promise<string[]> {
  const found: string[] = [];
  for (const naming of ["appended", "replaced"] as const) {
    const file = await present(sidecarName(photo, naming));
    if (file !== undefined) found.push(file);
  }
  return found;
}

/** What a photo's sidecar is called. */
export function sidecarName(photo: string, naming: SidecarNaming): string {
  if (naming === "appended") return `${photo}.xmp`;
  return join(dirname(photo), `${basename(photo, extname(photo))}.xmp`);
}

/** How most of a folder's sidecars are called: `appended` where there are as many of both, or none. */
export async function namingIn(folder: string): Promise<SidecarNaming> {
  const names = await readdir(folder).catch((): string[] => []);
  const stems = names.flatMap((name) => (/\.xmp$/i.test(name) ? [name.slice(0, -".xmp".length)] : []));
  const appended = stems.filter(isImageName).length;
  return stems.length - appended > appended ? "replaced" : "appended";
}

/** The file itself, or the one that some programs write in capitals. */
async function present(file: string): Promise<string | undefined> {
  for (const name of [file, file.replace(/xmp$/, "XMP")]) {
    const found = await stat(pathOfName(name)).catch(() => undefined);
    if (found) return name;
  }
  return undefined;
}

/**
 * What an XMP sidecar says: stars, label and flag, whichever program wrote them.
 *
 * @example
 * ```ts
 * import { readSidecar, sidecarsOf, writeSidecar } from "roc4mllm";
 *
 * await writeSidecar("photo.jpg", { rating: 4, pick: "pick" }, "appended", { by: "person" });
 * for (const file of await sidecarsOf("photo.jpg")) console.log(file, (await readSidecar(file)).rating);
 * ```
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; DATA_INVALID for a broken sidecar
 *
 * @category Photos
 */
export async function readSidecar(file: string): Promise<SidecarContent> {
  if (isImageName(file))
    throw new RocError(
      "DATA_INVALID",
      `${readableName(file)} is no sidecar but a picture. Give a file of sidecarsOf().`,
    );
  return contentOf(await packetOf(await readBytes(file, { maxBytes: MAX_BYTES }), file));
}

/** What a packet says, be it of a sidecar or of a picture itself. */
function contentOf(packet: Packet): SidecarContent {
  const stars = numberOf(packet, RATING);
  const label = packet.get(LABEL)?.trim();
  const pick = pickOf(packet);
  const beneath = stars !== undefined && stars < 0 ? starsIn(packet, BENEATH) : undefined;
  const ours = WRITTEN.every((property) => isOurs(packet, property));
  return {
    ...(stars !== undefined && stars > 0 && stars <= 5 ? { rating: stars } : {}),
    ...(beneath !== undefined && { beneath }),
    ...(label ? { label } : {}),
    ...(pick ? { pick } : {}),
    ours: ours && WRITTEN.some((property) => packet.get(mark(property)) !== undefined),
  };
}

function numberOf(packet: Packet, property: Property): number | undefined {
  const text = packet.get(property)?.trim();
  return text === undefined || text === "" || !Number.isFinite(Number(text)) ? undefined : Number(text);
}

/** Whole stars, 1 to 5. */
function starsIn(packet: Packet, property: Property): number | undefined {
  const stars = Math.round(numberOf(packet, property) ?? 0);
  return stars >= 1 && stars <= 5 ? stars : undefined;
}

function pickOf(packet: Packet): "pick" | "reject" | undefined {
  const [stars = 0, flag = 0, label = 0] = [RATING, PICK, PICK_LABEL].map((property) => numberOf(packet, property));
  if (stars < 0 || flag < 0 || label === REJECTED) return "reject";
  return flag > 0 || label === ACCEPTED ? "pick" : undefined;
}

/** digiKam's numbers; 0 is none and 2 pending. */
const REJECTED = 1;
const ACCEPTED = 3;

/** Whether a property is as this program wrote it, or says nothing. */
function isOurs(packet: Packet, property: Property): boolean {
  const value = packet.get(property)?.trim();
  if (value === undefined || value === "" || value === packet.get(mark(property))) return true;
  return (property === RATING || property === PICK || property === PICK_LABEL) && Number(value) === 0;
}

/**
 * What a person says in the sidecars of photos that are one exposure; undefined where nobody does, or where a sidecar cannot
 * be read.
 */
export async function personalPick(photos: readonly string[]): Promise<"pick" | "reject" | undefined> {
  const files = new Set((await Promise.all(photos.map(sidecarsOf))).flat());
  const sidecars = await Promise.all([...files].map(readOrNew)).catch(() => []);
  const theirs = sidecars.filter(({ packet }) => isRejectedByPerson(packet) || isPickedByPerson(packet));
  const picks = theirs.map(({ packet }) => pickOf(packet));
  return picks.find((pick) => pick === "reject") ?? picks[0];
}

/**
 * Stars and flag that a person gave in a photo's sidecars, and not this program; undefined where nobody did.
 *
 * @returns whether there is any sidecar, too: then it is what says that a photo is not rated
 * @throws RocError DATA_INVALID for a broken sidecar; FILE_UNREADABLE
 */
export async function personalRating(
  photo: string,
): Promise<{ readonly stars?: number; readonly pick?: "pick" | "reject"; readonly sidecars: number }> {
  const packets = (await Promise.all((await sidecarsOf(photo)).map(readOrNew))).map(({ packet }) => packet);
  const isTheirs = (packet: Packet): boolean => isRejectedByPerson(packet) || isPickedByPerson(packet);
  const pick = packets.filter(isTheirs).map(pickOf).find(Boolean);
  const rated = packets.find((packet) => !isOurs(packet, RATING) && (numberOf(packet, RATING) ?? 0) > 0);
  const stars = rated && starsIn(rated, RATING);
  return { ...(stars !== undefined && { stars }), ...(pick && { pick }), sidecars: packets.length };
}

function isPickedByPerson(packet: Packet): boolean {
  return !isOurs(packet, PICK) || !isOurs(packet, PICK_LABEL);
}

/**
 * What writing a change would do to a photo's sidecars. All that are there are changed; where there is none, one of the
 * given name is new.
 *
 * @throws RocError USAGE for a change that makes no sense; FILE_NOT_FOUND where there is no such photo; DATA_INVALID for a
 *   broken sidecar; FILE_UNREADABLE
 */
export async function planSidecar(
  photo: string,
  change: SidecarChange,
  naming: SidecarNaming = "appended",
  options: WriteOptions = {},
): Promise<SidecarPlan> {
  const { writes, kept } = await planShared([photo], change, naming, options);
  return { photo, writes, kept };
}

/**
 * {@link planSidecar} for files of one exposure, as a RAW and its JPEG, of which `IMG.xmp` is both's: what a person has
 * given one of them stays in the sidecars of all, and each sidecar is written once.
 */
export async function planShared(
  photos: readonly string[],
  change: SidecarChange,
  naming: SidecarNaming,
  options: SharedOptions = {},
): Promise<SharedPlan> {
  for (const photo of photos) checkChange(photo, change);
  await Promise.all(photos.map(requirePhoto));
  const { taken = new Set() } = options;
  const names = await namesOf(photos, naming, taken);
  const sidecars = await Promise.all([...names.keys()].map(readOrNew));
  const kept = options.by === "person" ? new Set<SidecarField>() : await personal(photos, sidecars, change, options);
  const own = sidecars.filter(({ file }) => !taken.has(file));
  const writes: SidecarWrite[] = [];
  for (const { file, before, packet } of own) {
    if (options.by === "person") setByPerson(packet, change);
    else setByProgram(packet, change, kept);
    const after = packet.bytes();
    if (before === undefined ? isNews(packet) : !Buffer.from(before).equals(after))
      writes.push({ file, photos: names.get(file) ?? photos, before, after });
  }
  return { sidecars: own.map(({ file }) => file), writes, kept: [...kept] };
}

/** The sidecars of photos with whose they are: those that are there, and for a photo that has none of its own a new one. */
async function namesOf(
  photos: readonly string[],
  naming: SidecarNaming,
  taken: ReadonlySet<string>,
): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>();
  for (const photo of photos) {
    const own = await sidecarsOf(photo);
    const isTaken = taken.has(sidecarName(photo, naming));
    if (own.every((found) => taken.has(found))) own.push(newName(photo, isTaken ? ["appended"] : [naming, "replaced"]));
    for (const found of new Set(own)) names.set(found, [...(names.get(found) ?? []), photo]);
  }
  return names;
}

/** Bytes of a file's name, as most systems have it. */
const LONGEST_NAME = 255;

/** The first name for a new sidecar that is not too long. @throws RocError FILE_UNWRITABLE */
function newName(photo: string, namings: readonly SidecarNaming[]): string {
  const names = namings.map((naming) => sidecarName(photo, naming));
  const found = names.find((name) => Buffer.byteLength(basename(name)) <= LONGEST_NAME);
  if (found !== undefined) return found;
  const message = `${readableName(photo)}: its name leaves no room for that of a sidecar; give the photo a shorter one`;
  throw new RocError("FILE_UNWRITABLE", message);
}

/**
 * Writes stars, a label or a flag into a photo's sidecars: into all that are there, or a new one of the given name. All else in
 * them stays. By default this program speaks, and what a person gave stays too.
 *
 * @returns what was done, with what stood there before
 * @throws RocError USAGE for a change that makes no sense; FILE_NOT_FOUND where there is no such photo; DATA_INVALID for a broken
 *   sidecar; FILE_UNREADABLE, FILE_UNWRITABLE
 *
 * @category Photos
 */
export async function writeSidecar(
  photo: string,
  change: SidecarChange,
  naming: SidecarNaming = "appended",
  options: WriteOptions = {},
): Promise<SidecarPlan> {
  const plan = await planSidecar(photo, change, naming, options);
  for (const write of plan.writes) await applySidecar(write);
  return plan;
}

/**
 * Writes what was planned, atomically.
 *
 * @throws RocError FILE_NOT_FOUND where its photos have gone since; IN_USE where the file is not what it was when it was
 *   planned; FILE_UNWRITABLE
 */
export async function applySidecar({ file, photos = [], before, after }: SidecarWrite): Promise<void> {
  await requireAny(photos);
  await requireContent(file, before);
  await replaceContent(file, after);
}

/**
 * Puts back what stood there before a write: every byte, or no file.
 *
 * @throws RocError IN_USE where it is no longer what was written, unless `force`
 */
export async function restoreSidecar({ file, before, after }: SidecarWrite, force = false): Promise<void> {
  const now = await sidecarNow(file);
  if (isSame(now, before)) return;
  if (!force && !isSame(now, after)) throw changedSidecar(file);
  if (before !== undefined) await replaceContent(file, before);
  else await rm(file, { force: true });
}

interface Sidecar {
  readonly file: string;
  readonly before: Uint8Array | undefined;
  readonly packet: Packet;
}

async function readOrNew(file: string): Promise<Sidecar> {
  const before = await sidecarNow(file);
  return { file, before, packet: await packetOf(before, file) };
}

/** What stands in a sidecar, or in a new one; what reads XML is loaded for it. @throws RocError DATA_INVALID */
async function packetOf(bytes: Uint8Array | undefined, file: string): Promise<Packet> {
  const { Packet } = await import("./packet.js");
  return bytes === undefined ? Packet.empty() : Packet.read(bytes, file);
}

/** The bytes of a sidecar; undefined: no file. @throws RocError FILE_UNREADABLE */
export function sidecarNow(file: string): Promise<Uint8Array | undefined> {
  return ifThere(readBytes(file, { maxBytes: MAX_BYTES }));
}

async function requireContent(file: string, wanted: Uint8Array | undefined): Promise<void> {
  if (!isSame(await sidecarNow(file), wanted)) throw changedSidecar(file);
}

/** Whether two states of a sidecar are the same; undefined: no file. */
export function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.from(a.buffer, a.byteOffset, a.length).equals(b);
}

/** Why a sidecar stays that is not what it was when it was written. */
export function changedSidecar(file: string): RocError {
  const remedy = "look at it, and begin again";
  return new RocError(
    "IN_USE",
    `${file}: another program has changed it in the meantime; it stays as it is; ${remedy}`,
  );
}

/** A sidecar beside no photo says something of nothing. @throws RocError FILE_NOT_FOUND */
async function requirePhoto(photo: string): Promise<void> {
  const found = await stat(pathOfName(photo)).catch(() => undefined);
  if (found?.isFile()) return;
  const what = found ? "is no file any more" : "is not there any more";
  throw new RocError("FILE_NOT_FOUND", `${readableName(photo)}: the photo ${what}; scan its folder again`);
}

/** @throws RocError FILE_NOT_FOUND where none of the photos is there */
async function requireAny(photos: readonly string[]): Promise<void> {
  const faults = await Promise.allSettled(photos.map(requirePhoto));
  const [first] = faults;
  if (first?.status === "rejected" && faults.every(({ status }) => status === "rejected")) throw first.reason;
}

/** With the old file's mode, and through a link to it. A folder that has been deleted meanwhile is not made again. */
async function replaceContent(file: string, content: Uint8Array): Promise<void> {
  const real = await realpath(file).catch(() => file);
  if (!(await stat(dirname(real)).catch(() => undefined)))
    throw new RocError("FILE_NOT_FOUND", `${file}: its folder is not there any more; scan again`);
  const old = await stat(real).catch(() => undefined);
  if (old) await requireWritable(file);
  await replaceFile(real, async (handle) => {
    await handle.writeFile(content);
    if (old) await handle.chmod(old.mode & 0o7777);
  });
}

/** A rename asks the folder alone. */
async function requireWritable(file: string): Promise<void> {
  await access(file, constants.W_OK).catch((cause: unknown) => {
    throw new RocError("FILE_UNWRITABLE", `${file}: it is write-protected; allow writing, or leave this photo out`, {
      cause,
    });
  });
}

function checkChange(photo: string, { rating, label, pick }: SidecarChange): void {
  const what = readableName(photo);
  if (typeof pathOfName(photo) !== "string")
    throw new RocError("USAGE", `${what}: its name is not UTF-8, so no sidecar can be written; rename the photo`);
  if (rating !== undefined && !(Number.isInteger(rating) && rating >= 0 && rating <= 5))
    throw new RocError("USAGE", `${what}: rating is ${rating}; give whole stars, 0 to 5`);
  if (pick !== undefined && pick !== "pick" && pick !== "reject" && pick !== "none")
    throw new RocError("USAGE", `${what}: pick is ${String(pick)}; give "pick", "reject" or "none"`);
  if (label !== undefined && !/^[^\p{Cc}\p{Cs}]{0,100}$/u.test(label))
    throw new RocError("USAGE", `${what}: a label is one line of up to 100 letters`);
}

/** What of the change a person has given already, in any of the sidecars or the photos themselves. */
async function personal(
  photos: readonly string[],
  sidecars: readonly Sidecar[],
  change: SidecarChange,
  options: WriteOptions,
): Promise<Set<SidecarField>> {
  const has = (property: Property): boolean => sidecars.some(({ packet }) => !isOurs(packet, property));
  const rated = has(RATING) || (await isRatedInside(photos, sidecars, options));
  const picked = sidecars.some(({ packet }) => isPickedByPerson(packet) || isRejectedByPerson(packet));
  const kept = new Set<SidecarField>();
  if (change.rating !== undefined && (rated || picked)) kept.add("rating");
  // A reject takes the place of the stars.
  if (change.pick !== undefined && (picked || (rated && change.pick === "reject"))) kept.add("pick");
  if (change.label !== undefined && has(LABEL)) kept.add("label");
  return kept;
}

function isRejectedByPerson(packet: Packet): boolean {
  return !isOurs(packet, RATING) && (numberOf(packet, RATING) ?? 0) < 0;
}

/** A star that we wrote into a sidecar stands above the photo's own in most programs: so the photo's own counts too. */
async function isRatedInside(
  photos: readonly string[],
  sidecars: readonly Sidecar[],
  options: WriteOptions,
): Promise<boolean> {
  if (sidecars.some(({ packet }) => (numberOf(packet, RATING) ?? 0) !== 0)) return false;
  if ("embedded" in options) return (options.embedded ?? 0) !== 0;
  const { readMetadata } = await import("./metadata.js");
  for (const photo of photos) if (((await readMetadata(photo)).rating ?? 0) !== 0) return true;
  return false;
}

function setByProgram(packet: Packet, change: SidecarChange, kept: ReadonlySet<SidecarField>): void {
  const allowed = Object.fromEntries(Object.entries(change).filter(([name]) => !kept.has(name as SidecarField)));
  const values = valuesOf(allowed);
  for (const property of WRITTEN) {
    if (!isOurs(packet, property)) continue;
    const value = values.get(property);
    if (property === RATING && value !== undefined) packet.set(BENEATH, undefined);
    if (value !== undefined || packet.get(mark(property)) !== undefined) packet.set(property, value);
    packet.set(mark(property), value);
  }
}

function setByPerson(packet: Packet, change: SidecarChange): void {
  const { rating, pick } = change;
  const wasRejected = (numberOf(packet, RATING) ?? 0) < 0;
  const stars = rating ?? starsIn(packet, wasRejected ? BENEATH : RATING);
  if (pick === "reject") packet.set(BENEATH, stars ? String(stars) : undefined);
  else if (rating !== undefined || pick !== undefined) packet.set(BENEATH, undefined);
  const values = valuesOf(change);
  // A rejection that is taken away leaves its place to the stars that were beneath it.
  if (wasRejected && rating === undefined && pick !== undefined && pick !== "reject")
    values.set(RATING, stars === undefined ? undefined : String(stars));
  for (const [property, value] of values) {
    packet.set(property, value);
    packet.set(mark(property), undefined);
  }
}

/** The properties that say it, in the ways that programs read them. */
function valuesOf({ rating, label, pick }: SidecarChange): Map<Property, string | undefined> {
  const values = new Map<Property, string | undefined>();
  if (rating !== undefined) values.set(RATING, String(rating));
  if (label !== undefined) values.set(LABEL, label);
  if (pick === undefined) return values;
  if (pick === "none") return values.set(PICK, undefined).set(GOOD, undefined).set(PICK_LABEL, undefined);
  if (pick === "reject") values.set(RATING, "-1");
  values.set(PICK, pick === "pick" ? "1" : "-1");
  values.set(GOOD, String(pick === "pick"));
  return values.set(PICK_LABEL, String(pick === "pick" ? ACCEPTED : REJECTED));
}

/** Whether a new sidecar says anything. */
function isNews(packet: Packet): boolean {
  return WRITTEN.some((property) => packet.get(property) !== undefined);
}
