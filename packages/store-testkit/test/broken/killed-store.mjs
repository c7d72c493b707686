// A store in one file, to be killed: a flush puts a new file in the place of the old one. `bug`
// takes that away in one of several ways.

import { open, readFile, rename, writeFile } from 'node:fs/promises'

export async function openStore({ file, bug }) {
  let bytes = await readFile(file)
  let dirty = new Map()
  const pageBytes = 4096

  async function inPlace(offset, source) {
    const handle = await open(file, 'r+')
    await handle.write(source, 0, source.byteLength, offset)
    await handle.close()
  }

  async function commit() {
    if (bug === 'writes the file page by page when it flushes') {
      for (const [offset, source] of dirty) {
        await inPlace(offset, source)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    } else {
      await writeFile(`${file}.new`, bytes)
      await rename(`${file}.new`, file)
    }
    dirty = new Map()
  }

  return {
    byteLength: bytes.byteLength,
    capabilities: {
      writable: true,
      concurrencyMax: 4,
      callBytesMax: 8 * pageBytes,
      atomicFlush: bug !== 'may leave a part of a flush, and says so',
    },
    async read(offset, target) {
      target.set(bytes.subarray(offset, offset + target.byteLength))
    },
    async write(offset, source) {
      bytes = Buffer.from(bytes)
      bytes.set(source, offset)
      dirty.set(offset, source.slice())
      const isDirect =
        bug === 'writes the file before it flushes' ||
        bug === 'may leave a part of a flush, and says so'
      if (isDirect) await inPlace(offset, source)
    },
    async flush() {
      if (bug !== 'keeps everything until it is closed') await commit()
    },
    async close() {
      if (bug === 'keeps everything until it is closed') await commit()
    },
  }
}
