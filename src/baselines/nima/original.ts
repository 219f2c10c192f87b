/** NIMA in others' files: pyiqa's (`NIMA_VGG16_ava`, `NIMA_InceptionV2_ava`, ...), yunxiaoshi's, and idealo's of Keras. */
import { RocError } from "../../errors.js";
import { derivedCheckpoint, type Checkpoint } from "../../weights/index.js";
import type { Original } from "../types.js";
import { imageOf, type NimaConfig } from "./config.js";
import type { Backbone } from "./facts.js";
import { kerasMobileNet } from "./keras.js";

/** pyiqa's network by one of its tensors, and what our files call the rest of its name. */
const PYIQA: readonly {
  readonly variant: Backbone;
  readonly tensor: string;
  readonly rename: (name: string) => string;
}[] = [
  {
    variant: "vgg16",
    tensor: "base_model.features_28.weight",
    rename: (name) => name.replace("base_model.features_", "base_model.features."),
  },
  { variant: "inception_resnet_v2", tensor: "base_model.conv2d_7b.conv.weight", rename: (name) => name },
];

const HEAD = "classifier.2.";

/** @throws RocError CHECKPOINT_MISMATCH for pyiqa's NIMA with another network */
export function original(checkpoint: Checkpoint): Original | undefined {
  return ofPyiqa(checkpoint) ?? ofYunxiaoshi(checkpoint) ?? ofIdealo(checkpoint);
}

function outputRows(checkpoint: Checkpoint, weight: string): number {
  return checkpoint.info(weight).shape[0] ?? 0;
}

/** One number lies from 0 to 1, several are a distribution over the ratings from 1. */
function outputsFor(rows: number): Pick<NimaConfig, "scale" | "bins"> {
  return rows === 1 ? { scale: { min: 0, max: 1 } } : { scale: { min: 1, max: rows }, bins: rows };
}

function ofPyiqa(checkpoint: Checkpoint): Original | undefined {
  const names = checkpoint.names();
  if (!checkpoint.has(`${HEAD}weight`) || !names.some((name) => name.startsWith("base_model."))) return undefined;
  const form = PYIQA.find(({ tensor }) => checkpoint.has(tensor));
  if (!form) {
    const some = names.find((name) => name.startsWith("base_model.")) ?? "";
    const known = PYIQA.map(({ variant }) => variant).join(", ");
    const text = `${checkpoint.path} is pyiqa's NIMA on a network that is not known here: it holds ${some}`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}. Known are ${known}.`);
  }
  const { variant, rename } = form;
  const kept = names.filter((name) => !name.endsWith("num_batches_tracked"));
  const entries = new Map(kept.map((name) => [rename(name).replace(HEAD, "classifier."), name]));
  const image = imageOf(variant);
  const config = {
    model_type: "nima",
    variant,
    ...outputsFor(outputRows(checkpoint, `${HEAD}weight`)),
    // As its evaluation: the shorter side to the crop's, bilinearly, of values between 0 and 1.
    image: { ...image, fit: "short", side: image.crop, filter: "bilinear", resize: "values" },
  };
  return { config, checkpoint: derivedCheckpoint(checkpoint, entries), what: `pyiqa's NIMA on ${variant}` };
}

const FLAT_HEAD = "classifier.1.";

/** The tensors of his files. */
const YUNXIAOSHIS = [
  ...[0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28].map((layer) => `features.${layer}.`),
  FLAT_HEAD,
].flatMap((layer) => [`${layer}weight`, `${layer}bias`]);

/** torchvision's VGG16 as it is, with one linear map over all places. */
function ofYunxiaoshi(checkpoint: Checkpoint): Original | undefined {
  const missing = YUNXIAOSHIS.filter((name) => !checkpoint.has(name));
  const more = checkpoint.names().filter((name) => !YUNXIAOSHIS.includes(name));
  const differs = missing.length + more.length;
  if (missing.length > 2 || differs > 4 || more.some((name) => name.startsWith("classifier."))) return undefined;
  if (differs > 0) {
    const parts = [["lacks", missing] as const, ["has beside them", more] as const].filter(([, names]) => names.length);
    const text = parts.map(([how, names]) => `${how} ${names.join(", ")}`).join(" and ");
    throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path} is nearly yunxiaoshi's NIMA on vgg16, of 28 tensors, but ${text}. Fetch the file again.`); // prettier-ignore
  }
  const entries = new Map(
    checkpoint.names().map((name) => {
      const own = name.startsWith(FLAT_HEAD) ? name.replace(FLAT_HEAD, "classifier.") : `base_model.${name}`;
      return [own, name] as const;
    }),
  );
  const config = {
    model_type: "nima",
    variant: "vgg16",
    pool: "flatten",
    dropout: 0.75,
    ...outputsFor(outputRows(checkpoint, `${FLAT_HEAD}weight`)),
    // Its test crops at random; ours takes the middle.
    image: { ...imageOf("vgg16"), fit: "short", filter: "bilinear" },
  };
  return { config, checkpoint: derivedCheckpoint(checkpoint, entries), what: "yunxiaoshi's NIMA on vgg16" };
}

/** MobileNet of Keras with a dense layer behind its pool. */
function ofIdealo(checkpoint: Checkpoint): Original | undefined {
  const found = kerasMobileNet(checkpoint);
  if (!found || found.outputs === undefined) return undefined;
  const config = {
    model_type: "nima",
    variant: "mobilenet",
    dropout: 0.75,
    ...outputsFor(found.outputs),
    // As its evaluation loads pictures: Keras' load_img, which takes the nearest pixel.
    image: { ...imageOf("mobilenet"), side: 224, filter: "nearest" },
  };
  return { config, checkpoint: found.checkpoint, what: "idealo's NIMA on mobilenet" };
}
