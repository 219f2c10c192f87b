/** A config.json with any one field damaged is taken or refused by file and field: nothing else is thrown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { internVlSchemas, parseInternVlConfig } from "../../src/models/internvl/config.js";
import { llavaSchemas, parseLlavaConfig } from "../../src/models/llava/config.js";
import { onevisionSchemas, parseLlavaOnevisionConfig } from "../../src/models/llavaonevision/config.js";
import { mplugOwl2Schemas, parseMplugOwl2Config } from "../../src/models/mplugowl2/config.js";
import { parseQwen25VlConfig, qwen25VlSchemas } from "../../src/models/qwen2_5vl/config.js";
import { parseQwen2VlConfig, qwen2VlSchemas } from "../../src/models/qwen2vl/config.js";
import { parseQwen35Config, qwen35Schemas } from "../../src/models/qwen35/config.js";
import { parseQwen3VlConfig, qwen3VlSchemas } from "../../src/models/qwen3vl/config.js";

type Parse = (config: unknown, file: string) => unknown;

const FAMILIES: readonly (readonly [type: string, schemas: readonly z.ZodType[], parse: Parse])[] = [
  ["llava", llavaSchemas, parseLlavaConfig],
  ["mplug_owl2", mplugOwl2Schemas, parseMplugOwl2Config],
  ["qwen2_vl", qwen2VlSchemas, parseQwen2VlConfig],
  ["qwen2_5_vl", qwen25VlSchemas, parseQwen25VlConfig],
  ["qwen3_vl", qwen3VlSchemas, parseQwen3VlConfig],
  ["qwen3_5", qwen35Schemas, parseQwen35Config],
  ["internvl", internVlSchemas, parseInternVlConfig],
  ["internvl_chat", internVlSchemas, parseInternVlConfig],
  ["llava_onevision", onevisionSchemas, parseLlavaOnevisionConfig],
];

const DAMAGED = ["x", -1, 0, 1e9, 1.5, [], {}, true, ""];

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly anyOf?: readonly Node[];
  readonly allOf?: readonly Node[];
}

/** Paths of all fields that a schema has, those of objects before what is inside. */
function pathsOf(node: Node, above: readonly string[] = []): string[][] {
  const own = Object.entries(node.properties ?? {}).flatMap(([name, inside]) => {
    const path = [...above, name];
    return [path, ...pathsOf(inside, path)];
  });
  return [...own, ...[...(node.anyOf ?? []), ...(node.allOf ?? [])].flatMap((part) => pathsOf(part, above))];
}

function placed(type: string, path: readonly string[], value: unknown): object {
  const inside = path.reduceRight<unknown>((below, name) => ({ [name]: below }), value);
  const least = type === "internvl_chat" && path[0] !== "llm_config" ? { llm_config: {} } : {};
  return { model_type: type, ...least, ...(inside as object) };
}

for (const [type, schemas, parse] of FAMILIES) {
  test(`${type}: any field damaged`, () => {
    const json = schemas.map((one) => z.toJSONSchema(one, { io: "input", unrepresentable: "any", reused: "inline" }));
    const paths = json.flatMap((one) => pathsOf(one as Node)).filter(([first]) => first !== "model_type");
    assert.ok(paths.length > 20, `${paths.length} fields`);
    for (const path of paths) {
      for (const value of DAMAGED) {
        try {
          parse(placed(type, path, value), "c.json");
        } catch (error) {
          const what = `${path.join(".")} ${JSON.stringify(value)}: ${String(error)}`;
          assert.ok(isRocError(error) && error.code === "CONFIG_INVALID", what);
          assert.match(error.message, /c\.json/, what);
        }
      }
    }
  });
}

test("Qwen3.5: a damaged partial_rotary_factor is refused by name wherever it stands", () => {
  for (const place of [["rope_parameters"], ["rope_scaling"], []]) {
    for (const value of DAMAGED) {
      const config = placed("qwen3_5", ["text_config", ...place, "partial_rotary_factor"], value);
      const message = /^c\.json is not .*partial_rotary_factor/;
      assert.throws(() => parseQwen35Config(config, "c.json"), { code: "CONFIG_INVALID", message });
    }
  }
});
