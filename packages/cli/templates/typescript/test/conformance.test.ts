// The store keeps the contract of `@umap/store`. Add tests of what is special about yours.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { runStoreConformance } from '@umap/store-testkit'
import { openStore, sampleStore } from '../src/index.ts'

const root = mkdtempSync(path.join(tmpdir(), 'sample-store-'))
after(() => rmSync(root, { recursive: true, force: true }))
const directory = (id: string) => path.join(root, id)

runStoreConformance({
  test: { describe, it },
  name: 'sampleStore',
  open: ({ id, byteLength, access }) =>
    openStore({ path: directory(id), create: true, byteLength }, { access }),
  reopen: ({ id, access }) => openStore({ path: directory(id) }, { access }),
  ref: ({ id }) => sampleStore({ path: directory(id) }),
  // Several blocks, and an end that fills none.
  byteLength: 5 * 64 * 1024 + 1237,
})
