/** .npz files as NumPy writes them, and damaged ones. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { isRocError } from "../../src/errors.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { openWeightsFile } from "../../src/weights/index.js";
import { fixture } from "../support.js";

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "npz-"));
});
after(async () => {
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), 0);
});

/** An array as NumPy lays it out. */
function npy(header: string, data: Buffer, length = header.length + 1): Buffer {
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, length & 255, length >> 8]);
  return Buffer.concat([start, Buffer.from(`${header}\n`, "latin1"), data]);
}

function header(descr: string, shape: string, fortran = "False"): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;
}

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

/** A zip of entries, as `numpy.savez` and `numpy.savez_compressed` write them. */
function zip(entries: Readonly<Record<string, Buffer>>, deflated: boolean, claimed?: number): Buffer {
  const [files, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, content] of Object.entries(entries)) {
    const stored = deflated ? deflateRawSync(content) : content;
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE(deflated ? 8 : 0, 4);
    facts.writeUInt32LE(stored.length, 14);
    facts.writeUInt32LE(claimed ?? content.length, 18);
    facts.writeUInt16LE(name.length, 22);
    files.push(Buffer.concat([Buffer.from("PK\u0003\u0004"), facts, Buffer.from(name), stored]));
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(
      Buffer.concat([Buffer.from("PK\u0001\u0002"), Buffer.from([20, 0]), facts, tail, Buffer.from(name)]),
    );
    offset += files.at(-1)?.length ?? 0;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, ...directory, Buffer.from("PK\u0005\u0006"), end]);
}

async function written(content: Buffer): Promise<string> {
  const file = join(root, "weights.npz");
  await writeFile(file, content);
  return file;
}

for (const deflated of [false, true]) {
  test(`arrays ${deflated ? "that are compressed" : "as they are"}: types, orders, scalars, none`, async () => {
    const content = zip(
      {
        "a/b.npy": npy(header("<f4", "2, 3"), floats(1, 2, 3, 4, 5, 6)),
        "fortran.npy": npy(header("<f4", "2, 3", "True"), floats(1, 4, 2, 5, 3, 6)),
        "step.npy": npy(header("<i8", ""), Buffer.from(BigInt64Array.of(7n).buffer)),
        "none.npy": npy(header("|u1", "0,"), Buffer.alloc(0)),
      },
      deflated,
    );
    using checkpoint = await openWeightsFile(await written(content));
    assert.deepEqual(checkpoint.names(), ["a/b", "fortran", "step", "none"]);
    assert.deepEqual(checkpoint.info("fortran").shape, [2, 3]);
    scope(() => {
      assert.deepEqual(checkpoint.tensor("a/b").toNumbers(), [1, 2, 3, 4, 5, 6]);
      assert.deepEqual(checkpoint.tensor("fortran").toNumbers(), [1, 2, 3, 4, 5, 6]);
      const step = checkpoint.tensor("step");
      assert.deepEqual([step.dtype, step.shape, step.item()], ["int64", [], 7]);
      assert.deepEqual(checkpoint.tensor("none").shape, [0]);
      checkpoint.drop("a/b");
    });
  });
}

test("what is no plain array of numbers is refused by name", async () => {
  const one = (array: Buffer, deflated = false, claimed?: number): Buffer => zip({ "x.npy": array }, deflated, claimed);
  const number = npy(header("<f4", "1,"), floats(1));
  const bad: readonly (readonly [Buffer, RegExp])[] = [
    [one(npy(header("|O", "1,"), Buffer.from("cos\nsystem\n"))), /Python objects, which are never unpickled/],
    [one(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", floats(1))), /holds records/],
    [one(npy(header(">f4", "1,"), floats(1))), /type ">f4"/],
    [one(npy(header("<c8", "1,"), floats(1, 1))), /type "<c8"/],
    [one(npy(header("<f4", "2,"), floats(1))), /of \[2\] needs \d+ bytes, and its entry has \d+/],
    [one(npy(header("<f4", "99999999999999999999,"), floats(1))), /a shape that no array has/],
    [one(npy(header("<f4", "1,").replace("shape", "form"), floats(1))), /a header that is none/],
    [one(npy(header("<f4", "1,"), floats(1), 60000)), /claims a header of 60000 bytes/],
    [one(Buffer.from("no array at all")), /does not start as one/],
    [one(number, true, 4_000_000_000), /needs \d+ bytes, and its entry has 4000000000/],
    [
      one(
        npy(header("<f4", "900000000,"), floats(1)),
        true,
        3_600_000_000 + 10 + header("<f4", "900000000,").length + 1,
      ),
      /more than its \d+ compressed ones can hold/,
    ],
    [zip({ "readme.txt": Buffer.from("hello") }, false), /"readme.txt" is no array/],
    [zip({}, false), /holds no arrays/],
    [one(number).subarray(0, -30), /its zip directory is missing/],
  ];
  for (const [content, message] of bad) {
    await assert.rejects(openWeightsFile(await written(content)), (error) => {
      assert.ok(isRocError(error) && error.code === "CHECKPOINT_INVALID", String(error));
      assert.match(error.message, message);
      assert.match(error.message, /weights[.]npz/);
      return true;
    });
  }
});

test("a damaged file is an error that names it, or reads as numbers: never anything else", async () => {
  const whole = await readFile(fixture("baselines/musiq/ava_ckpt.npz"));
  for (let seed = 0; seed < 40; seed++) {
    const content = Buffer.from(whole);
    // Half of them in the directory at the end.
    const at = seed % 2 ? (seed * 7919) % content.length : content.length - 1 - ((seed * 53) % 4000);
    content[at] = (content[at] ?? 0) ^ (1 << (seed % 8));
    try {
      using checkpoint = await openWeightsFile(await written(content));
      scope(() => {
        for (const name of checkpoint.names()) checkpoint.tensor(name);
      });
    } catch (error) {
      assert.ok(
        isRocError(error) && error.code === "CHECKPOINT_INVALID" && error.message.includes("weights.npz"),
        String(error),
      );
    }
  }
});
