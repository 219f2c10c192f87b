/** torchvision's weights of residual networks, as training begins with them. */
import { derivedCheckpoint, type Checkpoint } from "../../weights/index.js";
import { stageChannels, type ResNetConfig } from "./resnet.js";

/**
 * The weights of a network of that shape without its classifier, under a prefix; undefined: they are of another network.
 *
 * @param options `under`: what our names begin with, default nothing; `classes`: the classifier is kept, which has so many
 */
export function torchvisionResNet(
  checkpoint: Checkpoint,
  config: ResNetConfig,
  { under = "", classes }: { under?: string; classes?: number } = {},
): Checkpoint | undefined {
  const shapeOf = (name: string): string => (checkpoint.has(name) ? checkpoint.info(name).shape.join() : "");
  const last = config.block === "basic" ? 2 : 3;
  const blockEnd = (stage: number, block: number): string => `layer${stage + 1}.${block}.bn${last}.weight`;
  const channels = stageChannels(config);
  const fits = config.depths.every(
    (depth, stage) =>
      shapeOf(blockEnd(stage, depth - 1)) === `${channels[stage]}` && !checkpoint.has(blockEnd(stage, depth)),
  );
  if (!fits || checkpoint.has(`layer1.0.bn${last + 1}.weight`)) return undefined;
  if (classes !== undefined && shapeOf("fc.weight") !== `${classes},${channels.at(-1)}`) return undefined;
  const wanted = classes === undefined ? /^(conv1|bn1|layer\d+)\./ : /^(conv1|bn1|layer\d+|fc)\./;
  const names = checkpoint.names().filter((name) => wanted.test(name) && !name.endsWith("num_batches_tracked"));
  return derivedCheckpoint(checkpoint, new Map(names.map((name) => [under + name, name])));
}
