/** The authors' files, by the names and shapes of their tensors. */
import { RocError } from "../../errors.js";
import { derivedCheckpoint, type Checkpoint } from "../../weights/index.js";
import { wantedOutputs } from "../common/outputs.js";
import { squashOf } from "../common/rating-config.js";
import type { NewModel, Original } from "../types.js";
import { PUBLISHED } from "./config.js";
import { TANET } from "./facts.js";

/** Of the last linear map, in both published files. */
const FEATURES = 30;

/** What the published theme branch means for scores. */
const MIXES = "(its theme branch mixes the pictures of a batch: scored one by one, all have the same theme)";

/** What a file's last map has a row for: the ratings 1 to 10 of AVA, or TAD66K's score. */
const PUBLISHED_RATINGS: Readonly<Record<number, NewModel & { readonly what: string }>> = {
  10: {
    scale: { min: 1, max: 10 },
    bins: 10,
    what: `TANet of AVA ${MIXES}`,
  },
  1: {
    scale: { min: 0, max: 10 },
    what: `TANet of TAD66K ${MIXES}`,
  },
};

/** Tensors that the network with this head has no use for: slopes that are there and not applied. */
const UNUSED = /num_batches_tracked$/;
const UNUSED_OF_NUMBER = /num_batches_tracked$|^tygertnet\.relu7\./;

/** See `System.original`. */
export function original(checkpoint: Checkpoint): Original | undefined {
  if (!["tygertnet.fc1.weight", "mobileNet.head.2.weight", "head.2.weight"].every((name) => checkpoint.has(name)))
    return undefined;
  const { shape } = checkpoint.info("head.2.weight");
  const [rows = 0, columns] = shape;
  const rating = columns === FEATURES ? PUBLISHED_RATINGS[rows] : undefined;
  if (!rating) {
    const text = `${checkpoint.path} holds weights of TANet whose head.2.weight is [${shape.join(", ")}]`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}; the published ones are [10, 30] (AVA) and [1, 30] (TAD66K).`);
  }
  const unused = rating.bins ? UNUSED : UNUSED_OF_NUMBER;
  const names = checkpoint.names().filter((name) => !unused.test(name));
  const config = { model_type: TANET, ...wantedOutputs(rating), ...squashOf(rating), theme: "batch", ...PUBLISHED };
  return {
    config,
    what: rating.what,
    checkpoint: derivedCheckpoint(checkpoint, new Map(names.map((name) => [name, name]))),
  };
}

/** Whose name in a file a classifier is known by, and where it goes. */
const CLASSIFIERS = [
  // ResNet-18 of Places365, its head included: what TANet's scene classifier is.
  { needs: ["layer4.1.bn2.weight", "fc.weight"], under: "res365_last.", leaves: /num_batches_tracked$/ },
  // Ji Lin's MobileNetV2, whose first block has three convolutions.
  { needs: ["features.1.conv.6.weight", "classifier.1.weight"], under: "mobileNet.base_model.0.", leaves: /^classifier\.|num_batches_tracked$/ }, // prettier-ignore
  // A trained TANet, as the authors' scripts begin with one: all but its last map.
  { needs: ["tygertnet.fc1.weight", "res365_last.fc.weight"], under: "", leaves: /^head\.|num_batches_tracked$/ },
] as const;

/**
 * See `System.pretrained`: a scene classifier's or MobileNetV2's weights, without the wrapper of several GPUs, or a trained
 * network's.
 */
export function pretrained(checkpoint: Checkpoint, config: unknown): Checkpoint | undefined {
  const bare = new Map(checkpoint.names().map((name) => [name.replace(/^module\./, ""), name]));
  const found = CLASSIFIERS.find(({ needs }) => needs.every((name) => bare.has(name)));
  if (!found || !recognisesScenes(checkpoint, bare, config)) return undefined;
  const entries = [...bare].filter(([name]) => !found.leaves.test(name));
  const renamed = entries.map(([name, stored]) => [found.under + name.replace(/^features\./, ""), stored] as const);
  return derivedCheckpoint(checkpoint, new Map(renamed));
}

/** A ResNet of another number of classes (ImageNet's) recognises no scenes. */
function recognisesScenes(checkpoint: Checkpoint, bare: ReadonlyMap<string, string>, config: unknown): boolean {
  const head = bare.get("fc.weight") ?? bare.get("res365_last.fc.weight");
  const classes = (config as { readonly theme_classes?: unknown }).theme_classes;
  return head === undefined || checkpoint.info(head).shape[0] === classes;
}
