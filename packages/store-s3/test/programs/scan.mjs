// Maps the store that the first argument describes, reads all of it in order through a buffer that
// is far smaller, and prints a line of JSON: the SHA-256 of each part, and what the region counted.
// `errors` are the region's error events. After the first part it waits for the end of its input.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { umap } from '@umap/core'
import { s3Store } from '@umap/store-s3'

const { options, pageBytes, bufferBytes, partBytes } = JSON.parse(process.argv[2])

const region = await umap({
  store: s3Store(options),
  pageBytes,
  buffer: { bytes: bufferBytes },
})
const errors = []
region.on('error', (error) => errors.push(String(error)))
const bytes = region.view(Uint8Array)
const hashes = []
const startMs = performance.now()
for (let from = 0; from < bytes.byteLength; from += partBytes) {
  const part = bytes.subarray(from, Math.min(bytes.byteLength, from + partBytes))
  hashes.push(createHash('sha256').update(part).digest('hex'))
  if (hashes.length === 1) {
    console.log(JSON.stringify({ started: true }))
    readFileSync(0)
  }
}
const seconds = (performance.now() - startMs) / 1000
console.log(JSON.stringify({ hashes, errors, seconds, stats: region.stats() }))
await region.close()
