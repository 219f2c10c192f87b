/** The first frame of a GIF (GIF89a): what comes behind it, and may be broken, is not needed. */

const EXTENSION = 0x21;
const FRAME = 0x2c;
const TRAILER = 0x3b;

/** The file up to the end of its first frame; itself where that cannot be told. */
export function firstFrame(bytes: Uint8Array): Uint8Array {
  let at = 13 + colours(bytes[10]);
  while (bytes[at] === EXTENSION) at = behindBlocks(bytes, at + 2);
  if (bytes[at] !== FRAME) return bytes;
  const end = behindBlocks(bytes, at + 11 + colours(bytes[at + 9]));
  // Anything else means that the frame's data went astray.
  if (![EXTENSION, FRAME, TRAILER, undefined].includes(bytes[end]) || end > bytes.length) return bytes;
  if (bytes[end] === TRAILER) return bytes.subarray(0, end + 1);
  return Buffer.concat([bytes.subarray(0, end), Uint8Array.of(TRAILER)]);
}

/** Bytes of a colour table by its flags. */
function colours(flags = 0): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** Behind the data blocks that start at `at`, each with its length in front, the last of length 0. */
function behindBlocks(bytes: Uint8Array, at: number): number {
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return bytes.length + 1;
    at += 1 + length;
    if (length === 0) return at;
  }
}
