/** Which of a repository's files a model needs. */

/** Configuration, tokenizer and texts. */
const SMALL = /\.(json|txt|model|jinja)$/;
const SAFETENSORS = /\.safetensors$/;
const BIN = /\.bin$/;
/** Weights of the same model in the form of another program. */
const OTHER = /(^|\/)(consolidated.*|.*optimizer.*|training_args\.bin|scheduler.*)$|^(onnx|openvino|original|coreml)\//;

export interface FileChoice {
  /** Globs of files to take instead of the usual ones. */
  readonly include?: readonly string[] | undefined;
  /** Globs of files to leave out. */
  readonly exclude?: readonly string[] | undefined;
}

/** Files to download: by `include`, else what a model needs, with `.bin` weights only where there are no safetensors. */
export function neededFiles(paths: readonly string[], { include, exclude = [] }: FileChoice = {}): string[] {
  const kept = paths.filter((path) => !exclude.some((glob) => matches(glob, path)));
  if (include && include.length > 0) return kept.filter((path) => include.some((glob) => matches(glob, path)));
  const own = kept.filter((path) => !OTHER.test(path));
  const weights = own.some((path) => SAFETENSORS.test(path)) ? SAFETENSORS : BIN;
  return own.filter((path) => SMALL.test(path) || weights.test(path));
}

/** `*` and `?` stay within a name, `**` does not; a glob without a slash fits the name in any folder. */
function matches(glob: string, path: string): boolean {
  const expression = glob
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replace(/\*\*\/?|\*|\?/g, (wild) => (wild.startsWith("**") ? ".*" : wild === "*" ? "[^/]*" : "[^/]"));
  return new RegExp(`^${glob.includes("/") ? "" : "(.*/)?"}${expression}$`).test(path);
}
