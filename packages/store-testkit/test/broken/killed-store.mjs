// A store in one file, to be killed: a flush puts a new file in the place of the old one, and what
// was not flushed is in a file of the session. `bug` takes that away in one of several ways.

import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'

export async function openStore({ file, bug }, { session } = {}) {
  const staged = `${file}-${session}`
  const pageBytes = 4096
  let bytes = await readFile(staged).catch(() => readFile(file))
  let dirty = new Map()
  let flushed = Promise.resolve()

  async function inPlace(offset, source) {
    const handle = await open(file, 'r+')
    await handle.write(source, 0, source.byteLength, offset)
    await handle.close()
  }

  async function change(offset, source) {
    bytes = Buffer.from(bytes)
    bytes.set(source, offset)
    dirty.set(offset, source.slice())
    if (
      bug === 'writes the file before it flushes' ||
      bug === 'may leave a part of a flush, and says so'
    ) {
      await inPlace(offset, source)
    } else if (session !== undefined && bug !== 'forgets what its session had written') {
      await writeFile(staged, bytes)
    }
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
    await rm(staged, { force: true })
    dirty = new Map()
  }

  return {
    byteLength: bytes.byteLength,
    capabilities: {
      writable: true,
      concurrencyMax: 1,
      callBytesMax: 8 * pageBytes,
      atomicFlush: bug !== 'may leave a part of a flush, and says so',
    },
    async read(offset, target) {
      target.set(bytes.subarray(offset, offset + target.byteLength))
    },
    write: change,
    discard: (offset, byteLength) => change(offset, new Uint8Array(byteLength)),
    async flush() {
      if (bug === 'keeps everything until it is closed') return
      if (bug === 'answers a flush beside another at once') {
        if (dirty.size === 0) return
        dirty = new Map()
      }
      flushed = flushed.then(commit)
      await flushed
    },
    async close() {
      if (bug === 'keeps everything until it is closed') await commit()
    },
  }
}
