/** The first picture of a WebP (RFC 9649): later frames are not needed, and a file that was cut can be filled up. */

interface Chunk {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The file with its first frame alone; itself where it is no animation or that frame is not whole. */
export function firstWebpFrame(bytes: Uint8Array): Uint8Array {
  const kept: Chunk[] = [];
  for (const chunk of chunksOf(bytes)) {
    if (chunk.end > bytes.length) return bytes;
    kept.push(chunk);
    if (chunk.name !== "ANMF") continue;
    const parts = kept.map(({ start, end }) => bytes.subarray(start, end));
    return withSize(Buffer.concat([bytes.subarray(0, 12), ...parts]));
  }
  return bytes;
}

/** A file that was cut, with zeros up to the length that its last chunk should have. */
export function filledWebp(bytes: Uint8Array): Uint8Array {
  const end = Math.max(...[...chunksOf(bytes)].map((chunk) => chunk.end));
  // The last chunk is the picture, or what it holds.
  if (!(end > bytes.length) || end > 4 * bytes.length + 2 ** 20) return bytes;
  return withSize(Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]));
}

function* chunksOf(bytes: Uint8Array): Generator<Chunk, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 12; start + 8 <= bytes.length;) {
    const size = view.getUint32(start + 4, true);
    const end = start + 8 + size + (size % 2);
    yield { name: Buffer.from(bytes.subarray(start, start + 4)).toString("latin1"), start, end };
    start = end;
  }
}

function withSize(file: Buffer): Buffer {
  file.writeUInt32LE(file.length - 8, 4);
  return file;
}
