// Where there is no engine: maps a region over each kind of store, then copies the first store to
// all others by their own calls. Prints what came of it as JSON. Arguments: why there is none
// ('missing', 'broken' or a platform), and a folder.

import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import path from 'node:path'

const [reason, folder] = process.argv.slice(2)
const addon = 'umap.node'
const isOtherPlatform = reason !== 'missing' && reason !== 'broken'

if (reason === 'missing') {
  const exists = fs.existsSync
  fs.existsSync = (file) => !String(file).endsWith(addon) && exists(file)
  syncBuiltinESMExports()
} else if (reason === 'broken') {
  const { Module } = createRequire(import.meta.url)('node:module')
  const load = Module._extensions['.node']
  Module._extensions['.node'] = (module, file) => {
    if (file.endsWith(addon)) throw new Error('undefined symbol: made_up')
    return load(module, file)
  }
} else {
  Object.defineProperty(process, 'platform', { value: reason })
}

const { umap } = await import('@umap/core')
const { memoryStore, openStoreRef } = await import('@umap/store')
const { fileStore } = await import('@umap/store-file')
const { s3Store } = await import('@umap/store-s3')

const byteLength = 3 * 65536 + 100
const refs = {
  file: fileStore({ path: path.join(folder, 'data'), create: true, byteLength }),
  memory: memoryStore({ byteLength }),
}
// better-sqlite3 needs Node 22, and has an addon of its own for each platform.
if (!isOtherPlatform && Number.parseInt(process.versions.node, 10) >= 22) {
  const { sqliteStore } = await import('@umap/store-sqlite')
  refs.sqlite = sqliteStore({ path: path.join(folder, 'data.sqlite'), create: true, byteLength })
}

const failures = {}
for (const [name, store] of Object.entries({ ...refs, s3: s3Store({ bucket: 'b', key: 'k' }) })) {
  const error = await umap({ store }).catch((caught) => caught)
  failures[name] = { name: error.name, code: error.code, message: error.message }
}

const written = Buffer.from(Uint8Array.from({ length: byteLength }, (_, index) => index & 0xff))
const { signal } = new AbortController()
const equal = {}
for (const [name, ref] of Object.entries(refs)) {
  const store = await openStoreRef(ref, { access: 'read-write' })
  await store.write(0, written, { signal })
  await store.flush()
  const read = Buffer.alloc(byteLength)
  await store.read(0, read, { signal })
  await store.close()
  equal[name] = read.equals(written)
}
console.log(JSON.stringify({ failures, equal }))
