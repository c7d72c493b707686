// Makes Zarr arrays on disk for tests: version 3 by zarrita's own writer, version 2 by hand.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import * as zarr from 'zarrita'

/** What an array on disk holds, in row-major order. */
export interface SampleArray {
  readonly directory: string
  readonly values: Float32Array
}

/** An array of 40 × 130 × 67 numbers in compressed chunks, of which the first one is missing. */
export async function makeVersion3(directory: string): Promise<SampleArray> {
  const shape = [40, 130, 67]
  const chunkShape = [16, 50, 32]
  const codecs = [
    { name: 'bytes', configuration: { endian: 'little' } },
    { name: 'zstd', configuration: { level: 1 } },
  ]
  const options = { shape, chunkShape, dtype: 'float32', fillValue: -1, codecs } as const
  const array = await zarr.create(filesIn(directory), {
    ...options,
    shape: [...shape],
    chunkShape: [...chunkShape],
    codecs: [...codecs],
  })
  const values = new Float32Array(40 * 130 * 67).map((_, index) => Math.sin(index) * index)
  await zarr.set(array, null, { data: values, shape, stride: [130 * 67, 67, 1] })
  rmSync(path.join(directory, 'c/0/0/0'))
  for (let x = 0; x < 16; x++) {
    for (let y = 0; y < 50; y++) values.fill(-1, (x * 130 + y) * 67, (x * 130 + y) * 67 + 32)
  }
  return { directory, values }
}

/** An array of 500 × 300 numbers whose chunks are in column-major order. */
export function makeVersion2(directory: string): SampleArray {
  const [rows, columns, side] = [500, 300, 128]
  const values = new Float32Array(rows * columns).map((_, index) => index / 7)
  mkdirSync(directory, { recursive: true })
  const metadata = {
    zarr_format: 2,
    shape: [rows, columns],
    chunks: [side, side],
    dtype: '<f4',
    compressor: { id: 'gzip', level: 1 },
    fill_value: 0,
    order: 'F',
    filters: null,
  }
  writeFileSync(path.join(directory, '.zarray'), JSON.stringify(metadata))
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      const chunk = new Float32Array(side * side)
      for (let y = 0; y < Math.min(side, rows - top); y++) {
        for (let x = 0; x < Math.min(side, columns - left); x++) {
          chunk[x * side + y] = values[(top + y) * columns + left + x] as number
        }
      }
      const name = `${top / side}.${left / side}`
      writeFileSync(path.join(directory, name), gzipSync(Buffer.from(chunk.buffer)))
    }
  }
  return { directory, values }
}

function filesIn(directory: string): zarr.Mutable {
  return {
    get: (key: string) => readFile(path.join(directory, key)).catch(() => undefined),
    async set(key: string, bytes: Uint8Array) {
      const file = path.join(directory, key)
      await mkdir(path.dirname(file), { recursive: true })
      await writeFile(file, bytes)
    },
  } as zarr.Mutable
}
