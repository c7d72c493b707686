// Files that a test makes and that are gone when it has ended, and references to them.

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { StoreRef } from '@umap/store'
import { fileStore } from '@umap/store-file'
import { onTestFinished } from 'vitest'

/** A folder of its own for this test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'umap-core-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A file with `bytes`, or a sparse one of `bytes` bytes. */
export function scratchFile(bytes: Uint8Array | number): string {
  const file = path.join(scratchFolder(), 'data')
  if (typeof bytes !== 'number') {
    writeFileSync(file, bytes)
    return file
  }
  const fd = openSync(file, 'w')
  ftruncateSync(fd, bytes)
  closeSync(fd)
  return file
}

/** The reference to a file that is there; opened in the thread that maps it. */
export function localFile(file: string): StoreRef {
  return { ...fileStore({ path: file }), nativeFd: true } as StoreRef
}

/** The same, opened in the store host. */
export function hostedFile(file: string): StoreRef {
  const { url, exportName, options } = fileStore({ path: file })
  return { url, exportName, options }
}

/** Bytes that differ from page to page and inside of a page. */
export function patternBytes(byteLength: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(byteLength / 4))
  for (let index = 0; index < words.length; index++) {
    words[index] = Math.imul(index + 1, 2654435761)
  }
  return new Uint8Array(words.buffer, 0, byteLength)
}
