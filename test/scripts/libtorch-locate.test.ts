/** Where set-up finds libtorch, with folders that only look like one. */
import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT } from "../support.js";
import { folderWith } from "../cli/support.js";

interface Location {
  readonly source: string;
  readonly root: string;
  readonly include: readonly string[];
  readonly lib: string;
  readonly version: string;
  readonly cxx11abi: number;
  readonly cuda: boolean;
}

/** What is tested of scripts/libtorch.mjs, which is plain JavaScript. */
interface Module {
  readonly inspect: (root: string, source: string, env: Env) => { location?: Location; reason?: string };
  readonly locate: (project: string, env: Env, pythons?: string[]) => Search;
  readonly describeFailure: (tried: Search["tried"]) => string;
  readonly missingCudaPackages: (site: string) => string[];
  readonly provideLibtorch: (project: string, env: Env) => Promise<Location>;
  readonly cachedLocation: (project: string, env: Env) => Location | undefined;
}
type Env = Readonly<Record<string, string>>;
interface Search {
  readonly location?: Location;
  readonly tried: readonly { place: string; reason: string }[];
  readonly final: boolean;
}

const { inspect, locate, describeFailure, missingCudaPackages, provideLibtorch, cachedLocation } = (await import(
  pathToFileURL(`${ROOT}scripts/libtorch.mjs`).href
)) as Module;

const SUFFIX = process.platform === "darwin" ? "dylib" : "so";
const NO_PYTHON = ["a-python-that-is-not-there"];

/** The files of a libtorch, by where it lies. */
function libtorch(at: string, version = "2.13.0+cpu"): Record<string, string> {
  return {
    [`${at}/lib/libtorch_cpu.${SUFFIX}`]: "library",
    [`${at}/lib/libc10.${SUFFIX}`]: "library",
    [`${at}/include/ATen/core/dispatch/Dispatcher.h`]: "",
    [`${at}/version.py`]: `from typing import Optional\n\n__version__ = '${version}'\ncuda: Optional[str] = None\n`,
    [`${at}/share/cmake/Torch/TorchConfig.cmake`]: "",
  };
}

/** A program that answers as Python does when asked where torch is. */
function fakePython(folder: string, answer: string, status = 0): string {
  const file = join(folder, `python-${status}`);
  writeFileSync(file, `#!/bin/sh\necho '${answer}'\necho 'no such encoding' >&2\nexit ${status}\n`);
  chmodSync(file, 0o755);
  return file;
}

test("LIBTORCH comes first, and says everything that the build needs", (t) => {
  const folder = folderWith(t, { ...libtorch("given"), ...libtorch(".libtorch/torch") });
  const root = join(folder, "given");
  const { location, tried } = locate(folder, { LIBTORCH: root }, [fakePython(folder, join(folder, ".libtorch/torch"))]);
  assert.deepEqual(location, {
    source: "LIBTORCH",
    root,
    include: [join(root, "include"), join(root, "include/torch/csrc/api/include")],
    lib: join(root, "lib"),
    version: "2.13.0+cpu",
    cxx11abi: 1,
    cuda: false,
  });
  assert.deepEqual(tried, []);
});

test("LIBTORCH may be the folder that holds torch/", (t) => {
  const folder = folderWith(t, libtorch("site-packages/torch"));
  const { location } = locate(folder, { LIBTORCH: join(folder, "site-packages") }, NO_PYTHON);
  assert.equal(location?.root, join(folder, "site-packages/torch"));
});

test("a LIBTORCH that does not fit ends the search", (t) => {
  const folder = folderWith(t, { "given/README": "", ...libtorch(".libtorch/torch") });
  const { location, tried, final } = locate(folder, { LIBTORCH: join(folder, "given") }, NO_PYTHON);
  assert.equal(location, undefined);
  assert.equal(final, true);
  assert.equal(tried.length, 1);
  assert.match(tried[0]?.reason ?? "", /lacks .*libtorch_cpu.*Dispatcher\.h/);
});

test("then Python's torch, found without running it", (t) => {
  const folder = folderWith(t, { ...libtorch("py/torch", "2.6.0"), ...libtorch(".libtorch/torch") });
  const { location } = locate(folder, {}, [fakePython(folder, join(folder, "py/torch"))]);
  assert.equal(location?.source, "python");
  assert.equal(location.version, "2.6.0");
});

test("then the wheel in .libtorch/, with every place before it and why", (t) => {
  const folder = folderWith(t, { ...libtorch("old/torch", "2.5.1"), ...libtorch(".libtorch/torch") });
  const [bare, broken] = [fakePython(folder, ""), fakePython(folder, "", 1)];
  const old = join(folder, "python-old");
  cpSync(fakePython(folder, join(folder, "old/torch")), old);
  writeFileSync(bare, "#!/bin/sh\necho\n");
  const { location, tried } = locate(folder, {}, [...NO_PYTHON, bare, broken, old]);
  assert.equal(location?.source, "wheel");
  const reasons = tried.map(({ reason }) => reason);
  assert.match(reasons[0] ?? "", /does not run \(ENOENT\)/);
  assert.match(reasons[1] ?? "", /has no module "torch"/);
  assert.match(reasons[2] ?? "", /failed: no such encoding/);
  assert.match(reasons[3] ?? "", /is version 2\.5\.1; 2\.6 or later is needed/);
});

test("nothing found: every place, its reason and the remedy", (t) => {
  const folder = folderWith(t, { README: "" });
  const { location, tried, final } = locate(folder, {}, NO_PYTHON);
  assert.equal(location, undefined);
  assert.equal(final, false);
  const message = describeFailure(tried);
  assert.match(
    message,
    /- module torch of a-python-that-is-not-there: .*\n {2}- the wheel in \.libtorch\/: no such folder/,
  );
  assert.match(message, /Remedy, one of: set LIBTORCH/);
});

test("versions: 2.6 or later, unless one asks for any", (t) => {
  const cases: [string, boolean][] = [
    ["2.6.0+cu124", true],
    ["2.13.0", true],
    ["3.0.0a0+git1", true],
    ["2.5.9", false],
    ["1.13.1", false],
    ["unknown", false],
  ];
  for (const [version, fits] of cases) {
    const root = join(folderWith(t, libtorch("torch", version)), "torch");
    assert.equal(inspect(root, "wheel", {}).location !== undefined, fits, version);
    assert.ok(inspect(root, "wheel", { ROC_TORCH_ANY_VERSION: "1" }).location, version);
  }
});

test("a libtorch without headers, or without a version, is refused with the reason", (t) => {
  const root = join(folderWith(t, libtorch("torch")), "torch");
  rmSync(join(root, "version.py"));
  assert.match(inspect(root, "wheel", {}).reason ?? "", /its version is unknown/);
  writeFileSync(join(root, "build-version"), "2.7.1+cpu\n");
  assert.equal(inspect(root, "wheel", {}).location?.version, "2.7.1+cpu");
  rmSync(join(root, "include"), { recursive: true });
  assert.match(inspect(root, "wheel", {}).reason ?? "", /lacks include\/ATen\/core\/dispatch\/Dispatcher\.h/);
});

test("two links to one libtorch are one place: an addon that was built on it serves both", (t) => {
  const folder = folderWith(t, libtorch("torch"));
  const roots = ["a", "b"].map((name) => {
    symlinkSync(folder, join(folder, name));
    return inspect(join(folder, name, "torch"), "wheel", {}).location;
  });
  assert.ok(roots[0]);
  assert.deepEqual(roots[0], roots[1]);
});

test("the C++ ABI is read where libtorch says it, and CUDA is seen", (t) => {
  const root = join(folderWith(t, libtorch("torch")), "torch");
  writeFileSync(
    join(root, "share/cmake/Torch/TorchConfig.cmake"),
    `  set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")\n`,
  );
  writeFileSync(join(root, `lib/libtorch_cuda.${SUFFIX}`), "");
  const { location } = inspect(root, "wheel", {});
  assert.deepEqual([location?.cxx11abi, location?.cuda], [0, true]);
});

test("CUDA's packages that a wheel wants and lacks", (t) => {
  const metadata = [
    "Name: torch",
    "Requires-Dist: filelock",
    'Requires-Dist: nvidia-cublas-cu12==12.4.5.8; platform_system == "Linux"',
    'Requires-Dist: nvidia-nccl-cu12==2.21.5; platform_system == "Linux"',
    "Requires-Dist: cuda-bindings<14",
    'Requires-Dist: nvidia-extra; extra == "more"',
    "",
  ].join("\n");
  const folder = folderWith(t, {
    "torch-2.13.0.dist-info/METADATA": metadata,
    "nvidia_nccl_cu12-2.21.5.dist-info/METADATA": "",
  });
  assert.deepEqual(missingCudaPackages(folder), ["nvidia-cublas-cu12", "cuda-bindings"]);
});

test("a place is remembered as long as it is unchanged and asked for in the same way", async (t) => {
  const folder = folderWith(t, libtorch("given"));
  const env = { LIBTORCH: join(folder, "given") };
  assert.equal(cachedLocation(folder, env), undefined);
  const location = await provideLibtorch(folder, env);
  assert.deepEqual(cachedLocation(folder, env), location);
  assert.equal(cachedLocation(folder, {}), undefined);
  utimesSync(join(folder, `given/lib/libc10.${SUFFIX}`), 1, 1);
  assert.equal(cachedLocation(folder, env), undefined);
});

test("a LIBTORCH that does not fit is an error, and nothing is installed", async (t) => {
  const folder = folderWith(t, { README: "" });
  await assert.rejects(
    provideLibtorch(folder, { LIBTORCH: join(folder, "nowhere") }),
    /No usable libtorch.*no such folder/s,
  );
  assert.equal(cachedLocation(folder, {}), undefined);
});

/**
 * A `python3` that has no torch and whose pip makes a wheel of the given kind, noting its arguments in pip.log.
 * Returns the environment in which it is the one that is found.
 */
function fakePip(folder: string, kind: "cpu" | "cuda" | "failing"): Env {
  const files = Object.entries(libtorch("torch")).map(
    ([path, text]) => `put ${path} "${text.replaceAll("\n", "\\n")}"`,
  );
  const cuda = [
    `put torch/lib/libtorch_cuda.${SUFFIX} x`,
    'put torch-2.13.0.dist-info/METADATA "Requires-Dist: nvidia-cublas==13\\n"',
    'case "$*" in *--no-deps*) ;; *) put nvidia_cublas-13.dist-info/METADATA x ;; esac',
  ];
  const program = [
    "#!/bin/sh",
    'case "$*" in *find_spec*) echo; exit 0 ;; esac',
    `echo "$*" >> ${folder}/pip.log`,
    'while [ "$1" != --target ]; do shift_args="$shift_args $1"; shift; done',
    'site=$2; set -- "$shift_args"',
    'put() { mkdir -p "$site/$(dirname "$1")"; printf "$2" > "$site/$1"; }',
    ...files,
    ...(kind === "cuda" ? cuda : []),
    kind === "failing" ? "echo no space left; exit 1" : "exit 0",
  ];
  mkdirSync(join(folder, "bin"));
  for (const name of ["bin/python3", "bin/python"]) {
    writeFileSync(join(folder, name), `${program.join("\n")}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return { PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}` };
}

/** The calls of pip, less what does not matter. */
function pipCalls(folder: string): string[] {
  const log = readFileSync(join(folder, "pip.log"), "utf8").trim();
  return log.split("\n").map((line) => line.replace(/.*--no-input /, "").replace(/--target \S+ /, ""));
}

test("with no libtorch about, the pinned wheel is installed whole", async (t) => {
  const folder = folderWith(t, { "build/libtorch-partial-1/torch/half": "left by a killed pip" });
  const env = fakePip(folder, "cpu");
  const location = await provideLibtorch(folder, env);
  assert.deepEqual([location.source, location.root], ["wheel", join(folder, ".libtorch/torch")]);
  assert.deepEqual(pipCalls(folder), ["--no-deps torch==2.13.0"]);
  assert.deepEqual(readdirSync(join(folder, "build")), ["libtorch.json"]);
});

test("a CUDA wheel is installed again with CUDA's own libraries", async (t) => {
  const folder = folderWith(t, {});
  const location = await provideLibtorch(folder, fakePip(folder, "cuda"));
  assert.equal(location.cuda, true);
  assert.deepEqual(pipCalls(folder), ["--no-deps torch==2.13.0", "torch==2.13.0"]);
  assert.deepEqual(missingCudaPackages(join(folder, ".libtorch")), []);
});

test("a pip that fails leaves nothing behind, and its own words are in the message", async (t) => {
  const folder = folderWith(t, {});
  await assert.rejects(
    provideLibtorch(folder, fakePip(folder, "failing")),
    /pip install torch==2\.13\.0: pip failed:\nno space left/,
  );
  assert.deepEqual(readdirSync(join(folder, "build")), []);
  assert.equal(existsSync(join(folder, ".libtorch")), false);
});
