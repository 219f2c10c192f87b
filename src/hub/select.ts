/** Selects the files of a repository that a model needs. */
import picomatch from "picomatch";
import { chooseWeights, isShardOf } from "../weights/choice.js";

/** Configuration, tokenizer and texts. */
const SMALL = /\.(json|txt|model|jinja)$/;
/** Whose title says which published scorer it is, where its repository has another name. */
const CARD = "README.md";
const SAFETENSORS = /\.safetensors$/;
const BIN = /\.bin$/;
/** Weights of the same model in another program's format. */
const OTHER = /(^|\/)(consolidated.*|.*optimizer.*|training_args\.bin|scheduler.*)$|^(onnx|openvino|original|coreml)\//;
/** Adapters, of every family. */
const BESIDE = ["adapter_model.safetensors"];

export interface FileChoice {
  /** Globs of files to take instead of the usual ones. */
  readonly include?: readonly string[] | undefined;
  /** Globs of files to leave out. */
  readonly exclude?: readonly string[] | undefined;
  /** Names of files that are loaded beside a model's weights, as its family says. */
  readonly beside?: readonly string[] | undefined;
}

/** Whether `include` replaces the usual files. */
function isGiven(include: readonly string[] | undefined): include is readonly string[] {
  return include !== undefined && include.length > 0;
}

/** The shard index of the weights that a model needs, where they have one. */
export function neededIndex(paths: readonly string[], choice: FileChoice = {}): string | undefined {
  return isGiven(choice.include) ? undefined : chooseWeights(allowed(paths, choice))?.index;
}

/**
 * Files to download: those of `include`, or else what a model needs, and of the weights those that the loader opens.
 * Weights in subfolders are taken only where there are none beside config.json.
 *
 * @param shards what {@link neededIndex} lists; default: the files with the names of its shards
 */
export function neededFiles(paths: readonly string[], choice: FileChoice = {}, shards?: ReadonlySet<string>): string[] {
  const candidates = allowed(paths, choice);
  const { include } = choice;
  if (isGiven(include)) return candidates.filter((path) => include.some((glob) => matches(glob, path)));
  const own = candidates.filter((path) => !OTHER.test(path));
  const isWeights = weightsOf(own, new Set([...BESIDE, ...(choice.beside ?? [])]), shards);
  return own.filter((path) => path === CARD || SMALL.test(path) || isWeights(path));
}

/** Whether the files include weights that the loader can open. */
export function holdsWeights(files: readonly { readonly path: string }[]): boolean {
  return files.some(({ path }) => !OTHER.test(path) && (SAFETENSORS.test(path) || BIN.test(path)));
}

function weightsOf(
  paths: readonly string[],
  beside: ReadonlySet<string>,
  shards: ReadonlySet<string> | undefined,
): (path: string) => boolean {
  const chosen = chooseWeights(paths);
  if (chosen || paths.some((path) => beside.has(path))) {
    const { index, files = [] } = chosen ?? {};
    const named = new Set([...files, ...beside]);
    const listed = (path: string): boolean => shards?.has(path) ?? isShardOf(index ?? "", path);
    return (path) => named.has(path) || (index !== undefined && listed(path));
  }
  const form = paths.some((path) => SAFETENSORS.test(path)) ? SAFETENSORS : BIN;
  return (path) => form.test(path);
}

function allowed(paths: readonly string[], { exclude = [] }: FileChoice): string[] {
  return paths.filter((path) => !exclude.some((glob) => matches(glob, path)));
}

/** A glob without a slash matches the file name in any folder. */
function matches(glob: string, path: string): boolean {
  return picomatch.isMatch(path, glob, { dot: true, basename: !glob.includes("/") });
}
