/** Malu's published weights (Keras' HDF5), and Keras' ResNet-50, which its training begins with. */
import { z } from "zod";
import { derivedCheckpoint, kerasNames, type Checkpoint } from "../../weights/index.js";
import { kerasResNet, kerasTensor } from "../common/keras-resnet.js";
import { stageDepths } from "../common/resnet.js";
import { SCORE, type Original } from "../types.js";

/** The heads in the authors' order; `BalacingElements` is spelt as AADB's files spell it. */
const ATTRIBUTES = [
  ...["BalacingElements", "ColorHarmony", "Content", "DoF", "Light", "MotionBlur", "Object", "RuleOfThirds"],
  ...["VividColor", "Repetition", "Symmetry"],
];

/** What a whole model's file says of its layers. */
const savedModel = z.looseObject({
  config: z.looseObject({
    layers: z.array(
      z.looseObject({
        class_name: z.string(),
        config: z.looseObject({ name: z.string().optional(), epsilon: z.number().positive().optional() }),
      }),
    ),
  }),
});

/** Absent fields where the file is of weights alone. */
function settingsOf({ metadata }: Checkpoint): { eps?: number; padding?: "even" } {
  const layers = savedModel.safeParse(parsedText(metadata["model_config"])).data?.config.layers ?? [];
  const eps = layers.find(({ class_name }) => class_name === "BatchNormalization")?.config.epsilon;
  const isPadded = layers.some(({ config }) => config.name === "pool1_pad");
  return { ...(eps !== undefined && { eps }), ...(isPadded && { padding: "even" }) };
}

function parsedText(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return undefined;
  }
}

/** Told wherever they are loaded: at one picture a time the script's own way gives every feature the value 1. */
const WHAT = "Malu's ResNet-50 of AADB (whose script normalises over the batch; here each picture for itself)";

export function original(checkpoint: Checkpoint): Original | undefined {
  const names = kerasNames(checkpoint);
  const entries = kerasResNet(checkpoint, names);
  const first = entries.get("conv1.weight");
  if (!first || !names.has(`${SCORE}/kernel`) || !names.has("res2a_branch2a/kernel")) return undefined;
  const present = ATTRIBUTES.filter((name) => names.has(`${name}/kernel`));
  for (const head of [SCORE, ...present]) {
    for (const [kind, weight] of [
      ["kernel", "weight"],
      ["bias", "bias"],
    ] as const) {
      const file = names.get(`${head}/${kind}`);
      if (file !== undefined) entries.set(`heads.${head}.${weight}`, kerasTensor(checkpoint, file));
    }
  }
  const config = {
    model_type: "malu",
    scale: { min: 0, max: 1 },
    attributes: present.map((name) => ({ name, scale: { min: -1, max: 1 } })),
    depths: stageDepths(entries),
    width: first.shape[0],
    ...settingsOf(checkpoint),
  };
  return { config, checkpoint: derivedCheckpoint(checkpoint, entries), what: WHAT };
}

/** Keras' ResNet-50 of ImageNet, with or without its top. */
export function pretrained(checkpoint: Checkpoint): Checkpoint | undefined {
  const names = kerasNames(checkpoint);
  const entries = kerasResNet(checkpoint, names);
  return entries.has("layer4.2.conv3.bias") ? derivedCheckpoint(checkpoint, entries) : undefined;
}
