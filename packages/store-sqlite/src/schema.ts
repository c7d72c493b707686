// The tables of a database, and the check that a file has them in a version that we understand.
// The README documents the schema: a change here is a new `schemaVersion`, and a migration.

import { StoreError, storeErrorCodes } from '@umap/store'
import type { Connection } from './connection.ts'

/** `PRAGMA application_id` of our databases: 'UMAP'. */
export const applicationId = 0x554d4150
/** `PRAGMA user_version`: that of the tables below. */
export const schemaVersion = 1

// umap_page is the state of the last flush. umap_staged is what was written since, by the session
// that umap_data_set names; it wins over umap_page for that session, and is nothing to all others.
// Bytes are in a table of their own, so that a flush moves numbers only.
const tables = `
CREATE TABLE umap_data_set (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  byte_length INTEGER NOT NULL,
  page_bytes INTEGER NOT NULL,
  version TEXT NOT NULL,
  session TEXT
) STRICT;
CREATE TABLE umap_page (
  data_set INTEGER NOT NULL,
  page INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  data_id INTEGER NOT NULL,
  PRIMARY KEY (data_set, page)
) STRICT, WITHOUT ROWID;
CREATE TABLE umap_staged (
  data_set INTEGER NOT NULL,
  page INTEGER NOT NULL,
  checksum INTEGER,
  data_id INTEGER,
  PRIMARY KEY (data_set, page)
) STRICT, WITHOUT ROWID;
CREATE TABLE umap_page_data (
  id INTEGER PRIMARY KEY,
  data BLOB NOT NULL
) STRICT;
CREATE VIEW umap_bytes AS
  SELECT s.name, p.page, p.page * s.page_bytes AS offset, p.checksum, d.data
  FROM umap_data_set s
  JOIN umap_page p ON p.data_set = s.id
  JOIN umap_page_data d ON d.id = p.data_id;
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${schemaVersion};
`

/** Makes the tables. To be called inside a transaction, on a database for which `isEmpty` holds. */
export function createSchema(connection: Connection): void {
  connection.exec(tables)
}

/**
 * Returns 'empty' for a database without anything in it, 'ready' for one of ours. Throws a
 * `StoreError` that names the file for everything else.
 */
export function checkSchema(connection: Connection, file: string): 'empty' | 'ready' {
  const id = readNumber(connection, 'PRAGMA application_id')
  const version = readNumber(connection, 'PRAGMA user_version')
  if (id === applicationId && version === schemaVersion) {
    return 'ready'
  }
  if (id === applicationId && version > schemaVersion) {
    throw new StoreError(
      `${file} has version ${version} of this store's tables, and this release of ` +
        `@umap/store-sqlite understands ${schemaVersion}; a newer one is needed`,
      { code: storeErrorCodes.unsupported },
    )
  }
  const objects = readNumber(connection, 'SELECT count(*) FROM sqlite_schema')
  if (id === 0 && version === 0 && objects === 0) {
    return 'empty'
  }
  throw new StoreError(
    `${file} is a database of something else (application_id ${id}, user_version ${version}, ` +
      `${objects} tables and indices); this store keeps its data sets in a database of its own`,
    { code: storeErrorCodes.unsupported },
  )
}

function readNumber(connection: Connection, sql: string): number {
  return connection.prepare<[], number>(sql).pluck().get() ?? 0
}
