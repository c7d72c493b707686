// Measured program: a client of the server. `touch`: random float64 reads for a while, from a given
// moment on, so that several clients begin together; prints touchesPerSecond. `prefault`: has all
// of it filled. `latency`: touches one page in each 64 KiB, once; prints p50Us, p90Us and p99Us.
import { connect } from '@umap/server'
import { checkValue, touchesOnce, touchFor } from './measure.ts'
import { chooseMemory, printFigures, startProgram, waitUntil } from './options.ts'

const options = startProgram()
const { socket, fileBytes, milliseconds, seed, startAt } = options
const client = await connect(socket)
const region = await client.map('data')
const values = region.view(Float64Array)
const read = (index: number) => values[index]

const figures = await chooseMemory<Promise<Record<string, number>>>(options, {
  touch: async () => {
    await waitUntil(startAt)
    return { touchesPerSecond: touchFor(milliseconds, fileBytes / 8, read, seed) }
  },
  prefault: async () => {
    await region.prefault({ offset: 0, byteLength: fileBytes })
    checkValue(1, read(1))
    return {}
  },
  latency: async () => touchesOnce(fileBytes, read),
})
printFigures(figures)
await region.close()
await client.close()
