/** The tables of a library, their version, and how a library of an older version becomes one of this. */
import type { Connection } from "./connection.js";

/** "ROC4", in the header of every library: other programs keep SQLite files too. */
export const APPLICATION_ID = 0x524f4334;

/**
 * - `files`: where pictures are. Folder and name are the bytes of the file system; size, times (nanoseconds) and inode are
 *   those of when it was read. Ids are never given twice.
 * - `pictures`: what is known of the content, by its digest: copies of a file share one row.
 * - `judges`: checkpoints with all that their scores depend on; `key` tells two of them apart.
 * - `scores`, `failures`, `vectors`: what a judge says of a picture.
 * - `scans`: what each scan has done, by its own count.
 */
const FIRST = `
CREATE TABLE pictures (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  described INTEGER NOT NULL DEFAULT 0,
  width INTEGER, height INTEGER,
  taken TEXT, camera TEXT, rating INTEGER,
  metadata TEXT,
  hash INTEGER
) STRICT;
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  folder BLOB NOT NULL,
  name BLOB NOT NULL,
  size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL, inode INTEGER NOT NULL,
  picture INTEGER REFERENCES pictures(id),
  code TEXT, message TEXT,
  gone TEXT,
  sidecars TEXT, stars INTEGER, label TEXT, pick TEXT,
  added TEXT NOT NULL,
  UNIQUE (folder, name)
) STRICT;
CREATE INDEX files_by_picture ON files (picture);
CREATE TABLE judges (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  checkpoint TEXT,
  settings TEXT NOT NULL,
  low REAL NOT NULL, high REAL NOT NULL,
  added TEXT NOT NULL
) STRICT;
CREATE TABLE scans (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  started TEXT NOT NULL, ended TEXT,
  roots TEXT NOT NULL,
  judge INTEGER REFERENCES judges(id),
  files INTEGER NOT NULL DEFAULT 0, scored INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE scores (
  picture INTEGER NOT NULL REFERENCES pictures(id),
  judge INTEGER NOT NULL REFERENCES judges(id),
  score REAL NOT NULL, std REAL,
  distribution BLOB,
  attributes TEXT, comment TEXT, answer TEXT NOT NULL,
  scan INTEGER NOT NULL REFERENCES scans(id),
  PRIMARY KEY (picture, judge)
) STRICT, WITHOUT ROWID;
CREATE INDEX scores_in_order ON scores (judge, score);
CREATE TABLE failures (
  picture INTEGER NOT NULL REFERENCES pictures(id),
  judge INTEGER NOT NULL REFERENCES judges(id),
  code TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (picture, judge)
) STRICT, WITHOUT ROWID;
CREATE TABLE vectors (
  picture INTEGER NOT NULL REFERENCES pictures(id),
  judge INTEGER NOT NULL REFERENCES judges(id),
  vector BLOB NOT NULL,
  PRIMARY KEY (picture, judge)
) STRICT;
`;

/**
 * - `pairs`: what a person has answered on the page: the first picture is liked better than the second.
 * - `tastes`: what was learned of a person's ratings on one judge's vectors. `head` is as `Head` of taste/head.ts, its weights apart;
 *   `gain` is what held-out ratings have shown.
 * - `tasted`: what a taste says of every picture that has a vector of its judge.
 */
const TASTES = `
CREATE TABLE pairs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  better INTEGER NOT NULL REFERENCES pictures(id),
  worse INTEGER NOT NULL REFERENCES pictures(id),
  added TEXT NOT NULL
) STRICT;
CREATE TABLE tastes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  judge INTEGER NOT NULL REFERENCES judges(id),
  source TEXT NOT NULL,
  ratings INTEGER NOT NULL,
  weights BLOB NOT NULL,
  head TEXT NOT NULL,
  gain TEXT NOT NULL,
  added TEXT NOT NULL
) STRICT;
CREATE TABLE tasted (
  taste INTEGER NOT NULL REFERENCES tastes(id),
  picture INTEGER NOT NULL REFERENCES pictures(id),
  score REAL NOT NULL,
  PRIMARY KEY (taste, picture)
) STRICT, WITHOUT ROWID;
CREATE INDEX tasted_in_order ON tasted (taste, score);
CREATE INDEX tasted_by_picture ON tasted (picture);
`;

/** What makes a library of version i one of version i + 1: the first makes it of an empty database. Only added to. */
const MIGRATIONS: readonly string[] = [FIRST, TASTES];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings an open library from a version to {@link SCHEMA_VERSION}, all at once or not at all. */
export function migrate(connection: Connection, version: number): void {
  if (version === SCHEMA_VERSION) return;
  connection.write(() => {
    for (const step of MIGRATIONS.slice(version)) connection.exec(step);
    connection.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
}
