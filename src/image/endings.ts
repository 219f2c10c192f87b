/** How the names of picture files end, in small letters. Loads nothing: the page in the browser reads it too. */

/** Those of cameras' RAW files. */
export const RAW_ENDINGS: readonly string[] = [
  ...["dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "orf", "raf", "rw2", "rwl", "pef", "ptx", "srw"],
  ...["x3f", "3fr", "fff", "erf", "kdc", "dcr", "mrw", "mos", "iiq", "raw", "gpr", "mef"],
];

/** Those of the formats that are read here, RAW files among them. */
export const IMAGE_ENDINGS: readonly string[] = [
  ...["jpg", "jpeg", "jpe", "jfif", "jfi", "pjpeg", "pjp", "mpo", "insp", "jps"],
  ...["png", "apng", "webp", "avif", "tif", "tiff", "gif", "heic", "heif", "hif"],
  ...RAW_ENDINGS,
];
