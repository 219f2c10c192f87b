/** Which room of src/ may import which (docs/architecture.md), types too. Run by `npm run lint`. */

const FLOOR = ["errors.ts", "version.ts", "random.ts", "files"];
const MODEL = [
  "models/types.ts",
  "models/common",
  "models/*",
  "models",
  "nn",
  "weights",
  "torch",
  "tokenizers",
  "image",
];
/** What a model needs to answer, and what it is compared with. */
const SCORING = [...FLOOR, ...MODEL, "data", "metrics", "generation", "roc", "baselines", "engine"];
const WORK = [
  ...SCORING,
  "html",
  "captions",
  "studio",
  "eval",
  "report",
  "onnx",
  "advice",
  "eval/evaluate.ts",
  "train",
];
/** What is pure, and may run in a browser. */
const PURE = [
  "errors.ts",
  "metrics",
  ...["endings", "types", "geometry", "kernels", "plain-squares"].map((file) => `image/${file}.ts`),
  "onnx/manifest.ts",
];

/**
 * From the ground up: a room, and what it may import beside itself, all of it further up in this list. A file may be a room of
 * its own within another.
 */
const ROOMS = [
  ["errors.ts", []],
  ["version.ts", []],
  ["random.ts", ["errors.ts"]],
  ["files", ["errors.ts"]],
  ["html", ["errors.ts"]],
  ["metrics", ["errors.ts", "random.ts"]],
  ["captions", ["errors.ts", "files"]],
  ["torch", ["errors.ts"]],
  ["nn", ["errors.ts", "torch"]],
  // Names alone: the hub downloads what the loader opens.
  ["weights/choice.ts", []],
  ["weights", ["errors.ts", "files", "torch", "weights/choice.ts"]],
  ["hub", ["errors.ts", "files", "weights/choice.ts"]],
  ["tokenizers", ["errors.ts", "files"]],
  ["image", ["errors.ts", "files"]],
  // Files of photos: metadata, previews, sidecars.
  ["photos", ["errors.ts", "files", "image"]],
  ["data", [...FLOOR, "html", "image"]],
  ["studio", [...FLOOR, "html", "data"]],
  ["models/types.ts", ["files", "torch", "nn", "tokenizers", "image"]],
  ["models/common", ["errors.ts", "files", "torch", "nn", "weights", "tokenizers", "image", "models/types.ts"]],
  // The families, one folder each.
  ["models/*", ["errors.ts", "files", ...MODEL.filter((room) => !["models/*", "models"].includes(room))]],
  // The registry, which knows all of them.
  ["models", ["errors.ts", "files", ...MODEL.filter((room) => room !== "models")]],
  // Models through their interface only, as roc.
  ["generation", [...FLOOR, "torch", "weights", "tokenizers", "models/types.ts"]],
  [
    "roc",
    ["errors.ts", "files", "torch", "generation", "models/types.ts", "tokenizers/types.ts", "tokenizers/stream.ts"],
  ],
  // The classical systems of the paper's tables, one folder each, which see images and no text.
  ["baselines", [...FLOOR, "torch", "nn", "weights", "image", "models/types.ts", "models/common"]],
  ["engine", [...FLOOR, ...MODEL, "data", "metrics", "generation", "roc", "baselines"]],
  ["eval", [...SCORING, "captions"]],
  ["report", [...SCORING, "html", "eval"]],
  // Checkpoints as ONNX files.
  ["onnx", [...SCORING, "eval"]],
  // Edits that would raise a photo's score.
  ["advice", [...SCORING, "html", "report"]],
  // Writes the page of what it evaluated.
  ["eval/evaluate.ts", [...SCORING, "eval", "report"]],
  ["train", SCORING],
  // Many runs, compared.
  ["studies", WORK],
  // A person's photos: the database, bursts, culling.
  ["library", [...SCORING, "photos"]],
  ["server", [...SCORING, "photos", "library"]],
  // Pictures that workers on other machines score.
  ["queue", [...SCORING, "photos", "library"]],
  ["index.ts", [...WORK, "studies", "photos", "library", "server"]],
  ["cli", [...WORK, "studies", "hub", "photos", "library", "server", "queue"]],
];

const names = ROOMS.map(([room]) => room);

/** A room as an expression for the paths of its files, without those of the rooms within it. */
function pathOf(room) {
  if (room.endsWith(".ts")) return `^src/${room.replace(".", "[.]")}$`;
  if (room === "models") return "^src/models/(?!types[.]ts$)[^/]+$";
  if (room === "models/*") return "^src/models/(?!common/)[^/]+/";
  const within = names.filter((other) => other.startsWith(`${room}/`) && other.endsWith(".ts"));
  const files = within.map((other) => other.slice(room.length + 1).replace(".", "[.]"));
  return within.length === 0 ? `^src/${room}/` : `^src/${room}/(?!(${files.join("|")})$)`;
}

const paths = names.map(pathOf);

/** A file beside the list, as `tokenizers/types.ts`, counts as its folder. */
function place(room) {
  return names.includes(room) ? names.indexOf(room) : names.indexOf(room.split("/")[0]);
}

for (const [room, allowed] of ROOMS) {
  const fault = allowed.find((other) => place(other) < 0 || place(other) >= place(room));
  if (fault) throw new Error(`${room} may not import ${fault}, which does not come before it among the rooms`);
}

export default {
  forbidden: [
    ...ROOMS.map(([room, allowed]) => ({
      name: `${room}: not downward`,
      severity: "error",
      from: { path: pathOf(room) },
      to: { path: "^src/", pathNot: [room, ...allowed].map(pathOf) },
    })),
    { name: "a file has no room", severity: "error", from: {}, to: { path: "^src/", pathNot: paths } },
    { name: "a file has no room", severity: "error", from: { path: "^src/", pathNot: paths }, to: {} },
    {
      name: "families never import one another",
      severity: "error",
      from: { path: "^src/models/(?!common/)([^/]+)/" },
      to: { path: pathOf("models/*"), pathNot: "^src/models/$1/" },
    },
    {
      name: "classical systems never import one another",
      severity: "error",
      from: { path: "^src/baselines/(?!common/)([^/]+)/" },
      to: { path: "^src/baselines/(?!common/)[^/]+/", pathNot: "^src/baselines/$1/" },
    },
    {
      name: "errors and metrics are pure",
      severity: "error",
      comment: "So are the endings of pictures' names, and how a picture becomes a square: the pages take all of them.",
      from: { path: PURE.map(pathOf) },
      to: { pathNot: [...PURE, "random.ts"].map(pathOf) },
    },
    {
      name: "only src/torch and src/image load an addon",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(torch/(native|preload)|image/native)[.]ts$" },
      to: { path: "^(node:)?module$|[.]node$" },
    },
    {
      name: "the page takes from src/ only what is pure, and types",
      severity: "error",
      comment: "It runs in a browser.",
      from: { path: "^page/" },
      to: { path: "^src/", pathNot: PURE.map(pathOf), dependencyTypesNot: ["type-only"] },
    },
    { name: "nothing imports the page", severity: "error", from: { path: "^src/" }, to: { path: "^page/" } },
    {
      name: "no cycle",
      severity: "error",
      comment: "Types are gone at run time, and make none.",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
  },
};
