// The stores that the programs map, by name.

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { memoryStore } from '@umap/store'
import { fileStore } from '@umap/store-file'

/** A sparse file that is gone when the process has ended. */
export function sparseFile(byteLength) {
  const folder = mkdtempSync(path.join(tmpdir(), 'umap-core-'))
  const file = path.join(folder, 'data')
  const fd = openSync(file, 'w')
  ftruncateSync(fd, byteLength)
  closeSync(fd)
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return file
}

/** A store with `byteLength` bytes of nothing, in a file or in memory. */
export function storeNamed(name, byteLength) {
  return name === 'memory'
    ? memoryStore({ byteLength })
    : { ...fileStore({ path: sparseFile(byteLength) }), nativeFd: true }
}
