/**
 * Event files that TensorBoard reads: TFRecord frames around `Event` messages (tensorflow/core/util/event.proto and
 * tensorflow/core/framework/summary.proto), written by hand: they have five fields that matter.
 */
import { appendFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

const EVENT_FILE = /^events\.out\.tfevents\./;

/** Whether a file of a run folder is one of {@link EventFile}'s. */
export function isEventFile(name: string): boolean {
  return EVENT_FILE.test(name);
}

/** One process's event file of a run. */
export class EventFile {
  readonly path: string;
  #begun = false;

  /**
   * @param step that the run starts or resumes after: TensorBoard drops what an earlier process has logged beyond it
   * @param now seconds since 1970, by a clock
   */
  constructor(
    run: string,
    private readonly step: number,
    private readonly now: () => number = () => Date.now() / 1000,
  ) {
    this.path = join(run, `events.out.tfevents.${Math.floor(now())}.${hostname()}.${process.pid}.roc4mllm`);
  }

  /** Adds figures by tag. */
  async append(step: number, figures: Readonly<Record<string, number>>): Promise<void> {
    const records = this.#begun ? [] : [fileVersion(this.now()), sessionStart(this.now(), this.step)];
    this.#begun = true;
    records.push(scalars(this.now(), step, figures));
    await appendFile(this.path, Buffer.concat(records.map(frame)));
  }
}

// Event: wall_time 1 (double), step 2 (int64), file_version 3 (string), summary 5, session_log 7.
function fileVersion(time: number): Buffer {
  return Buffer.concat([double(1, time), bytes(3, Buffer.from("brain.Event:2"))]);
}

/** `SessionLog.status` START: events of this step and later ones in older files count no more. */
function sessionStart(time: number, step: number): Buffer {
  return Buffer.concat([double(1, time), integer(2, step + 1), bytes(7, integer(1, 1))]);
}

/** `Summary.value` 1: `Value.tag` 1, `Value.simple_value` 2 (float). */
function scalars(time: number, step: number, figures: Readonly<Record<string, number>>): Buffer {
  const values = Object.entries(figures).map(([tag, value]) => {
    const number = Buffer.alloc(5);
    number.writeUInt8((2 << 3) | 5);
    number.writeFloatLE(value, 1);
    return bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), number]));
  });
  return Buffer.concat([double(1, time), integer(2, step), bytes(5, Buffer.concat(values))]);
}

// Protocol Buffers: a key (field number and wire type), then the value.
function double(field: number, value: number): Buffer {
  const buffer = Buffer.alloc(9);
  buffer.writeUInt8((field << 3) | 1);
  buffer.writeDoubleLE(value, 1);
  return buffer;
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const groups: number[] = [];
  let rest = value;
  do {
    groups.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(groups);
}

/** TFRecord: length, its checksum, data, its checksum. */
function frame(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, checksum(length), data, checksum(data)]);
}

/** CRC-32C, rotated and shifted, as TFRecord masks it. */
function checksum(data: Uint8Array): Buffer {
  const crc = crc32c(data);
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return buffer;
}

/** The Castagnoli polynomial, bits reversed. (Node's own crc32 is that of zip.) */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (RFC 3720, B.4). */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}
