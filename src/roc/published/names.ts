/** Which names are a scorer's: a name that only mentions one ("not-as-good-as-unipercept") says nothing about a checkpoint. */

/** What follows a scorer's name in those of its checkpoints: size, variant, the data it was tuned on, the form of its weights. */
const VARIANT =
  "\\d+(?:\\.\\d+)?b|v?\\d+(?:\\.\\d+)*|mini|lite|pro|preview|hf|copy|merged|quantized|int8|bf16|bfloat16|fp16|fp32|" +
  "ava|para|tad66k|flickr-?aes";
/** What may stand before it. */
const BEFORE = "(?:model-card-(?:for|of)-|tiny-|my-|the-)?";

/** Whether a checkpoint of that name is the scorer's, by what its names are: "tiny-artimuse_ava" is ArtiMuse's. */
export function isNameOf(word: RegExp, name: string): boolean {
  const pattern = new RegExp(`^${BEFORE}(?:${word.source})(?:-(?:${VARIANT}))*$`, "i");
  return partsOf(name).some((part) => pattern.test(part));
}

/** The name and, of a copy that is called by repository and owner ("owner--name"), the repository's, with one separator. */
function partsOf(name: string): string[] {
  const plain = name
    .replace(/@[0-9a-f]+$/, "")
    // A title's own words come after a colon, a dash, or in brackets: "[CVPR 2026] ArtiMuse: Fine-Grained ...".
    .replace(/\[[^\]]*\]/g, " ")
    .split(/: |:$|\s[-–—|]\s|\s*[(–—|]/)
    .find((part) => /\w/.test(part));
  const last = /^[\w.-]+(?:\/[\w.-]+)+\/?$/.test(plain ?? "") ? lastPart(plain ?? "") : (plain ?? "");
  return [last, last.split(/--|__/).at(-1) ?? ""].map((part) =>
    part.replace(/[\s_-]+/g, "-").replace(/^[^\w]+|[^\w]+$/g, ""),
  );
}

/** What follows the last slash of a path or a name on the hub. */
export function lastPart(name: string): string {
  return name.replace(/[\\/]+$/, "").replace(/^.*[\\/]/, "");
}
