// Nearest neighbours over a file of Float32 vectors that is larger than its page buffer.
// usage: node embeddings.js FILE [ROW]. A FILE that does not exist is made, with random vectors.
import { existsSync } from 'node:fs'
import { umap } from '@umap/core'
import { fileStore } from '@umap/store-file'

const dimensions = 64
const sampleVectorCount = 65_536
const buffer = { bytes: 2 * 2 ** 20 }

/** Makes the file at its full size and writes 16 MiB of vectors into the mapping. */
async function makeSample(path: string): Promise<void> {
  const byteLength = sampleVectorCount * dimensions * Float32Array.BYTES_PER_ELEMENT
  const store = fileStore({ path, create: true, byteLength })
  const region = await umap({ store, access: 'read-write', buffer })
  const vectors = region.view(Float32Array)
  for (let index = 0; index < vectors.length; index++) vectors[index] = Math.random() - 0.5
  await region.close()
}

/** The rows of the `count` vectors nearest to `query`, nearest first, by Euclidean distance. */
function findNearest(
  vectors: Float32Array,
  query: Float32Array,
  count: number,
): { row: number; distance: number }[] {
  const nearest: { row: number; distance: number }[] = []
  for (let row = 0; row < vectors.length / dimensions; row++) {
    let squares = 0
    for (let axis = 0; axis < dimensions; axis++) {
      squares += (vectors[row * dimensions + axis]! - query[axis]!) ** 2
    }
    const distance = Math.sqrt(squares)
    if (nearest.length === count && distance >= nearest[count - 1]!.distance) continue
    nearest.push({ row, distance })
    nearest.sort((a, b) => a.distance - b.distance)
    nearest.length = Math.min(nearest.length, count)
  }
  return nearest
}

const [path, row = '0'] = process.argv.slice(2)
if (path === undefined) throw new Error('usage: node embeddings.js FILE [ROW]')
if (!existsSync(path)) await makeSample(path)

const region = await umap({ store: fileStore({ path }), buffer })
const vectors = region.view(Float32Array)
// slice() copies the query out of the mapping; subarray() would stay a window into it.
const query = vectors.slice(Number(row) * dimensions, (Number(row) + 1) * dimensions)
for (const found of findNearest(vectors, query, 5)) {
  console.log(`row ${found.row} at distance ${found.distance.toFixed(4)}`)
}
const { faults, fills, evictions } = region.stats()
console.log(`${region.byteLength} bytes: ${faults} faults, ${fills} fills, ${evictions} evictions`)
await region.close()
