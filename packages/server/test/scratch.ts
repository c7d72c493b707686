// A directory for the files and sockets of one test file, removed when its tests are done.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/** Makes the directory, and returns a function that gives a path in it that nobody has used. */
export function scratch(): (name: string) => string {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'umap-server-')))
  let count = 0
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return (name) => path.join(directory, `${count++}-${name}`)
}

/** A file of `bytes` bytes, each of which tells its page of 4 KiB. */
export function writePattern(file: string, bytes: number): string {
  const pattern = Buffer.alloc(bytes)
  for (let offset = 0; offset < bytes; offset += 4096) {
    pattern.fill((offset / 4096) % 251, offset, offset + 4096)
  }
  writeFileSync(file, pattern)
  return file
}
