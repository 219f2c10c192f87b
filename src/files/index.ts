/** The ground floor for files: everything that reads, writes, locks or names files by their content. */
export { atomicWriteFile, atomicWriteJson, replaceFile, writeFiles } from "./atomic.js";
export { digestFile } from "./digest.js";
export { decodeText, firstFault, type DecodeOptions } from "./encoding.js";
export { append, makeFolder, move, publishFolder, remove, removeEntries } from "./folders.js";
export { openJournal, readJournal, type Journal, type JournalOptions } from "./journal.js";
export { parseJson, readJson, readJsonAs, type JsonOptions } from "./json.js";
export { takeLock, tryLock, withLock, type Lock, type LockOwner } from "./lock.js";
export { refusePointer } from "./pointer.js";
export {
  exists,
  ifThere,
  isMissing,
  readBytes,
  readChunks,
  readError,
  readText,
  withFile,
  type ReadOptions,
} from "./read.js";
export { isSystemError, writeError, writing } from "./write-error.js";
export { isSameStamp, stampOf, stampSchema, stampsOf, type Stamp } from "./stamp.js";
export { checkSameSettings, differences, type SameSettingsOptions, type Settings } from "./settings.js";
