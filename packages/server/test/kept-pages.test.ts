// What a server left when it died, and a configuration that has changed since: refused where clients
// would find other data than they mapped. Keeper and servers are all in this process; the first
// server is not closed before the others try, as if it had died.

import { truncateSync } from 'node:fs'
import { loadEngine } from '@umap/core/shared'
import { fileStore } from '@umap/store-file'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { DatasetOptions } from '../dist/index.js'
import { openServer } from '../dist/serve.js'
import { resolveServeOptions } from '../dist/serve-options.js'
import { scratch, writePattern } from './scratch.ts'

const place = scratch()
const bytes = 2 ** 20

/** A server that has kept its pages, and a way to open the one that follows it. */
async function serverThatDies() {
  const engine = loadEngine()
  const { native } = engine
  const keeper = native.keeperOpen()
  const file = writePattern(place('data'), bytes)
  const socket = place('umap.sock')
  const open = async (datasets: Record<string, DatasetOptions>) => {
    const ledgerId = native.ledgerOpen(native.keeperRenew(keeper), () => undefined)
    onTestFinished(() => native.ledgerClose(ledgerId))
    const isFirst = native.ledgerFacts(ledgerId).generation === 1
    const options = resolveServeOptions({ socket, buffer: { bytes }, datasets })
    return openServer(engine, options, { ledgerId, isFirst })
  }
  const dataset = { store: fileStore({ path: file }), access: 'read-write' } as const
  const first = await open({ points: dataset })
  onTestFinished(async () => {
    await first.close()
    native.keeperClose(keeper)
  })
  return { open, dataset, file, kept: () => native.keeperKeys(keeper) }
}

describe('pages of a server that died', () => {
  it('are refused with another page size, access, or name', async () => {
    const { open, dataset, kept } = await serverThatDies()
    expect(kept()).toEqual(['dataset/points', 'listener'])
    await expect(open({ points: { ...dataset, pageBytes: 4096 } })).rejects.toThrow(
      /^datasets\.points\.pageBytes is 4096, but the server that died left pages of 65536 bytes/,
    )
    await expect(open({ points: { ...dataset, access: 'read-only' } })).rejects.toThrow(
      /^datasets\.points\.access is 'read-only', but the server that died left pages that are read-w/,
    )
    await expect(open({ lines: dataset })).rejects.toThrow(
      /^datasets has no points any more, but the server that died left its pages/,
    )
    // None of them has touched what is kept.
    expect(kept()).toEqual(['dataset/points', 'listener'])
  })

  it('are refused over a store that has become smaller', async () => {
    const { open, dataset, file } = await serverThatDies()
    truncateSync(file, bytes / 2)
    await expect(open({ points: dataset })).rejects.toThrow(
      /^datasets\.points: its store has 524288 bytes, but the server that died left pages of 1048576/,
    )
    truncateSync(file, bytes)
  })

  it('keep their length over a store that has grown', async () => {
    const { open, dataset, file, kept } = await serverThatDies()
    truncateSync(file, 2 * bytes)
    const next = await open({ points: dataset })
    expect(next.stats().generation).toBe(2)
    expect(next.stats().datasets[0]?.byteLength).toBe(bytes)
    await next.close()
    expect(kept()).toEqual([])
  })
})
