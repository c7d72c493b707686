// Regions over stores that a test tells what to do, in whatever thread or process they run.

import path from 'node:path'
import { umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { patternBytes, scratchFile, scratchFolder } from './scratch.ts'
import type { ToldStoreOptions } from './stores/told-store.mjs'

export const pageBytes = 4096
export const byteLength = 64 * pageBytes
export const toldUrl = new URL('./stores/told-store.mjs', import.meta.url)

/** Options of a store over a file of its own, and where it is told what to do. */
export function toldOptions(more: Partial<ToldStoreOptions> = {}): ToldStoreOptions {
  const folder = scratchFolder()
  return {
    path: scratchFile(patternBytes(byteLength)),
    orders: path.join(folder, 'orders'),
    report: path.join(folder, 'report'),
    ...more,
  }
}

/** A region over such a store. */
export async function openTold(host: 'worker' | 'process', more: Partial<ToldStoreOptions> = {}) {
  const options = toldOptions(more)
  const store = storeRef(toldUrl, options)
  const buffer = { bytes: 32 * pageBytes }
  const region = await umap({ store, host, access: 'read-write', pageBytes, buffer })
  return { region, options, view: region.view(Uint8Array) }
}

/** Waits until `isTrue`; the limit of the test is the limit. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
