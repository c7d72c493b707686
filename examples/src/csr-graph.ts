// Breadth-first search over a graph in two mapped files that share one page buffer: where each
// vertex's edges begin (offsets), and where they lead (targets). This is the CSR form.
// usage: node csr-graph.js DIRECTORY. A random graph is made there if it holds none.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PageBuffer, umap } from '@umap/core'
import { fileStore } from '@umap/store-file'

const vertexCount = 100_000
const edgesPerVertex = 16
const wordBytes = Uint32Array.BYTES_PER_ELEMENT
// Small pages suit random access: a visit needs a hundred bytes, not 64 KiB.
const pageBytes = 4096
const batchVertices = 64

const [directory] = process.argv.slice(2)
if (directory === undefined) throw new Error('usage: node csr-graph.js DIRECTORY')
const offsetsPath = join(directory, 'offsets')
const targetsPath = join(directory, 'targets')
const buffer = new PageBuffer({ bytes: 2 * 2 ** 20 })
if (!existsSync(offsetsPath)) await makeGraph()

async function makeGraph(): Promise<void> {
  const sizes = { offsets: vertexCount + 1, targets: vertexCount * edgesPerVertex }
  const [offsets, targets] = await Promise.all([
    mapNew(offsetsPath, sizes.offsets * wordBytes),
    mapNew(targetsPath, sizes.targets * wordBytes),
  ])
  const begins = offsets.view(Uint32Array)
  for (let vertex = 0; vertex <= vertexCount; vertex++) begins[vertex] = vertex * edgesPerVertex
  const ends = targets.view(Uint32Array)
  for (let edge = 0; edge < ends.length; edge++) ends[edge] = Math.random() * vertexCount
  await Promise.all([offsets.close(), targets.close()])
}

function mapNew(path: string, byteLength: number): ReturnType<typeof umap> {
  const store = fileStore({ path, create: true, byteLength })
  return umap({ store, access: 'read-write', pageBytes, buffer })
}

const offsets = await umap({ store: fileStore({ path: offsetsPath }), pageBytes, buffer })
const targets = await umap({ store: fileStore({ path: targetsPath }), pageBytes, buffer })
const begins = offsets.view(Uint32Array)
const ends = targets.view(Uint32Array)

const seen = new Uint8Array(begins.length - 1)
let frontier = [0]
seen[0] = 1
for (let level = 0; frontier.length > 0; level++) {
  console.log(`level ${level}: ${frontier.length} vertices`)
  const next: number[] = []
  for (let at = 0; at < frontier.length; at += batchVertices) {
    const batch = frontier.slice(at, at + batchVertices)
    // The batch says which pages come next, so they are filled at once and not one by one.
    await targets.prefault(batch.map(edgeRange))
    for (const vertex of batch) {
      for (let edge = begins[vertex]!; edge < begins[vertex + 1]!; edge++) {
        const target = ends[edge]!
        if (seen[target] === 0) {
          seen[target] = 1
          next.push(target)
        }
      }
    }
  }
  frontier = next
}

function edgeRange(vertex: number): { offset: number; byteLength: number } {
  const begin = begins[vertex]!
  return { offset: begin * wordBytes, byteLength: (begins[vertex + 1]! - begin) * wordBytes }
}

const { faults, fills } = targets.stats()
console.log(`${targets.byteLength} bytes of edges: ${faults} faults, ${fills} fills`)
await Promise.all([offsets.close(), targets.close()])
buffer.close()
