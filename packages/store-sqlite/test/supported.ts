// The store where this Node can run it. On an older one importing it is an error, which
// `old-node.test.ts` looks at; all other tests are skipped there.

import { describe } from 'vitest'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

/** Whether better-sqlite3 13 runs on this Node. */
export const isSupported: boolean = major > 22 || (major === 22 && minor >= 2)

/** `describe`, skipped with the reason where this Node is too old. */
export const describeSqlite = (name: string, define: () => void): void => {
  describe.skipIf(!isSupported)(isSupported ? name : `${name} (needs Node 22.2)`, define)
}

// What is not there is not called, for its tests are skipped.
async function load<T>(module: () => Promise<T>): Promise<T> {
  return isSupported ? await module() : ({} as T)
}

export const { openStore, sqliteErrorCodes, sqliteStore } = await load(
  () => import('@umap/store-sqlite'),
)
const { default: Database } = await load(() => import('better-sqlite3'))

/** One number from `file`, read as any other program would read it. */
export function queryNumber(file: string, sql: string): number {
  return query(file, (database) => database.prepare<[], number>(sql).pluck().get()) ?? 0
}

/** What `PRAGMA integrity_check` says; 'ok' if nothing is wrong. */
export function integrity(file: string): unknown {
  return query(file, (database) => database.pragma('integrity_check', { simple: true }))
}

/** Runs `use` on a connection of its own, which is closed when it, or its promise, is done. */
export function query<T>(
  file: string,
  use: (database: import('better-sqlite3').Database) => T,
  readonly = false,
): T {
  const database = new Database(file, { readonly })
  let result: T | undefined
  try {
    result = use(database)
    return result
  } finally {
    if (result instanceof Promise) {
      void result.then(
        () => database.close(),
        () => database.close(),
      )
    } else {
      database.close()
    }
  }
}
