// A data set for tests: a file each of whose pages begins with its number, from 1.

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { DatasetOptions } from '@umap/server'
import { storeModule } from './serving.ts'

/** Unit of transfer of these data sets. */
export const pageBytes = 4096

/** Writes the file NAME in `directory`; returns the data set over it. */
export function numberedPages(
  directory: string,
  name: string,
  pages: number,
  options: Partial<DatasetOptions> = {},
): DatasetOptions {
  const file = path.join(directory, name)
  const words = new Float64Array((pages * pageBytes) / 8)
  for (let page = 0; page < pages; page++) words[(page * pageBytes) / 8] = page + 1
  writeFileSync(file, new Uint8Array(words.buffer))
  const store = { module: storeModule('store-file'), options: { path: file } }
  return { store, pageBytes, readAhead: 0, ...options }
}

/** The first words of the file's pages. */
export function numbersIn(directory: string, name: string): number[] {
  const bytes = new Uint8Array(readFileSync(path.join(directory, name)))
  const words = new Float64Array(bytes.buffer)
  return Array.from(words).filter((_, index) => index % (pageBytes / 8) === 0)
}
