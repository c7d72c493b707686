// The suite kills stores, and finds those that lose a flush or leave a part of one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openStoreRef, type StoreSource, storeRef } from '@umap/store'
import type { ConformanceDataSet } from '@umap/store-testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { collectConformance } from './collecting-runner.ts'

const group = 'a store that is killed'
const folder = mkdtempSync(path.join(tmpdir(), 'umap-killed-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function refOf(id: string, bug: string, module = 'killed-store') {
  const url = new URL(`./broken/${module}.mjs`, import.meta.url)
  return storeRef(url, { file: path.join(folder, id), bug })
}

async function killed(bug: string, ref: (id: string) => StoreSource = (id) => refOf(id, bug)) {
  const options = {
    seed: 4,
    byteLength: 24 * 4096,
    // On a busy machine a flush takes other times than the one before it: more shares of it.
    kills: bug.includes('page by page') ? 8 : 3,
    open: ({ id, byteLength, access }: ConformanceDataSet) => {
      writeFileSync(path.join(folder, id), new Uint8Array(byteLength))
      return openStoreRef(refOf(id, bug), { access })
    },
    reopen: ({ id, access }: ConformanceDataSet) => openStoreRef(refOf(id, bug), { access }),
    ref: ({ id }: ConformanceDataSet) => ref(id),
  }
  const results = await collectConformance(options, group)
  const failed = results.filter(({ outcome }) => outcome === 'failed')
  return { results, names: failed.map(({ name }) => name), failed }
}

describe('a store that', () => {
  it.each([
    ['is sound', []],
    ['may leave a part of a flush, and says so', []],
    [
      'keeps everything until it is closed',
      [
        'after a flush has all of its bytes',
        'after a flush beside another has all of their bytes',
        'between write and flush has the state of the last flush',
        'while it flushes has the state before or after',
      ],
    ],
    [
      'answers a flush beside another at once',
      ['after a flush beside another has all of their bytes'],
    ],
    [
      'forgets what its session had written',
      ['and opened again by its session has all that was written, or is refused'],
    ],
    [
      'writes the file before it flushes',
      ['between write and flush has the state of the last flush'],
    ],
    [
      'writes the file page by page when it flushes',
      ['while it flushes has the state before or after'],
    ],
  ])('%s', async (bug, foundBy) => {
    const { results, names, failed } = await killed(bug)
    expect(results).toHaveLength(5)
    expect(failed.filter(({ message }) => !/killed |opened again by/.test(message))).toEqual([])
    expect(names).toEqual(foundBy.map((name) => `${group}: ${name}`))
  })

  it('cannot be opened in another process is told what that process said', async () => {
    const { failed } = await killed('is sound', (id) => refOf(id, '', 'no-such-store'))
    expect(failed).toHaveLength(5)
    expect(failed[0]?.message).toMatch(/STORE_MODULE[\s\S]*no-such-store/)
  })

  it('has a reference that cannot leave its process is told so', async () => {
    const memory = { memory: new SharedArrayBuffer(8) }
    const url = new URL('./broken/killed-store.mjs', import.meta.url)
    const { failed } = await killed('is sound', () => storeRef(url, memory))
    expect(failed[0]?.message).toMatch(/cannot be sent to a process.*SharedArrayBuffer/)
  })
})
