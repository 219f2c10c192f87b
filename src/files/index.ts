/** Reading, writing, locking and hashing of files, for every room. */
export { asideOf, isAsideOf } from "./aside.js";
export { atomicWriteFile, atomicWriteJson, replaceFile, writeFiles } from "./atomic.js";
export { crcOf } from "./crc.js";
export { holdDatabase } from "./databases.js";
export { digestFile } from "./digest.js";
export { decodeText, firstFault } from "./encoding.js";
export { append, makeFolder, move, publishFolder, remove, removeEntries } from "./folders.js";
export { publishFile } from "./publish-file.js";
export { openJournal, readJournal, type Journal } from "./journal.js";
export { checkJson, parseJson, readJson, readJsonAs } from "./json.js";
export { isLocked, takeLock, tryLock, withLock, type Lock } from "./lock.js";
export { checkOutput, writeOutput, type OutputKind } from "./output.js";
export { openFolder, OpenFolder, type FolderLike } from "./open-folder.js";
export { refusePointer } from "./pointer.js";
export {
  exists,
  ifThere,
  isMissing,
  openRegular,
  readBytes,
  readChunks,
  readError,
  readText,
  requireRegular,
  withFile,
} from "./read.js";
export { isSystemError, writing } from "./write-error.js";
export { refuseFilled, writeFolder } from "./write-folder.js";
export { isSameStamp, stampSchema, stampsOf, type Stamp } from "./stamp.js";
export { checkSameSettings, differences, type Settings } from "./settings.js";
