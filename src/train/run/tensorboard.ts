/**
 * Event files that TensorBoard reads: TFRecord frames around `Event` messages (tensorflow/core/util/event.proto and
 * tensorflow/core/framework/summary.proto), of which five fields matter.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { hostname } from "node:os";
import { join } from "node:path";
import { append, crcOf } from "../../files/index.js";

const EVENT_FILE = /^events\.out\.tfevents\./;

/** Whether a file of a run folder is one of {@link EventFile}'s. */
export function isEventFile(name: string): boolean {
  return EVENT_FILE.test(name);
}

/** One process's event file of a run. */
export class EventFile {
  readonly path: string;
  #started = false;

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

  /** Adds figures by tag. @throws RocError FILE_UNWRITABLE */
  async append(step: number, figures: Readonly<Record<string, number>>): Promise<void> {
    const records = this.#started ? [] : [fileVersion(this.now()), sessionStart(this.now(), this.step)];
    this.#started = true;
    records.push(scalars(this.now(), step, figures));
    await append(this.path, Buffer.concat(records.map(frame)));
  }
}

/** `Event`: wall_time 1, step 2, file_version 3, summary 5, session_log 7. */
function event(time: number): BinaryWriter {
  return new BinaryWriter().tag(1, WireType.Bit64).double(time);
}

function fileVersion(time: number): Uint8Array {
  return event(time).tag(3, WireType.LengthDelimited).string("brain.Event:2").finish();
}

/** `SessionLog.status` START: events of this step and later ones in older files count no more. */
function sessionStart(time: number, step: number): Uint8Array {
  const writer = event(time)
    .tag(2, WireType.Varint)
    .int64(step + 1);
  return writer.tag(7, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(1).join().finish();
}

/** `Summary.value` 1: `Value.tag` 1, `Value.simple_value` 2 (float). */
function scalars(time: number, step: number, figures: Readonly<Record<string, number>>): Uint8Array {
  const summary = event(time).tag(2, WireType.Varint).int64(step).tag(5, WireType.LengthDelimited).fork();
  for (const [tag, value] of Object.entries(figures)) {
    summary.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(tag);
    // The writer refuses what is beyond float32's range; TensorBoard shows infinity.
    summary.tag(2, WireType.Bit32).float(Math.fround(value)).join();
  }
  return summary.join().finish();
}

/** TFRecord: length, its checksum, data, its checksum. */
function frame(data: Uint8Array): Buffer {
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

/** CRC-32C (RFC 3720, B.4), of the Castagnoli polynomial. */
export const crc32c = crcOf(0x82f63b78);
