// The SQLite store keeps the contract, with rows of the engine's page size and with others.

import { rmSync } from 'node:fs'
import path from 'node:path'
import { runStoreConformance } from '@umap/store-testkit'
import { describe, it } from 'vitest'
import { describeSqlite, openStore, sqliteStore } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()
const file = (id: string) => path.join(path.dirname(newPath()), id)

describeSqlite('conformance', () => {
  for (const pageBytes of [4096, 65536]) {
    runStoreConformance({
      test: { describe, it },
      name: `sqliteStore with rows of ${pageBytes} bytes`,
      open: ({ id, byteLength, access }) =>
        openStore({ path: file(id), create: true, byteLength, pageBytes }, { access }),
      reopen: ({ id, access }) => openStore({ path: file(id) }, { access }),
      ref: ({ id }) => sqliteStore({ path: file(id) }),
      remove({ id }) {
        for (const suffix of ['', '-wal', '-shm', '-writer-1']) {
          rmSync(`${file(id)}${suffix}`, { force: true })
        }
      },
    })
  }
})
