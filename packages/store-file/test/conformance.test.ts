// The file store keeps the contract, through the page cache and past it.

import { rmSync } from 'node:fs'
import path from 'node:path'
import { fileStore, openStore } from '@umap/store-file'
import { runStoreConformance } from '@umap/store-testkit'
import { describe, it } from 'vitest'
import { temporaryDirectory } from './temporary-directory.ts'

const folder = path.dirname(temporaryDirectory()())
const file = (id: string) => path.join(folder, id)

for (const direct of [false, true]) {
  runStoreConformance({
    test: { describe, it },
    name: direct ? 'fileStore with O_DIRECT' : 'fileStore',
    open: ({ id, byteLength, access }) =>
      openStore({ path: file(id), create: true, byteLength, direct }, { access }),
    reopen: ({ id, access }) => openStore({ path: file(id), direct }, { access }),
    ref: ({ id }) => fileStore({ path: file(id), direct }),
    remove: ({ id }) => rmSync(file(id), { force: true }),
  })
}
