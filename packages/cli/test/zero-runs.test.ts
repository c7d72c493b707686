// Data and zeros within a chunk are told apart, whatever the chunk holds.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findRuns, holeBytesMin, zeroBlockBytes } from '../dist/cp/zero-runs.js'

/** A chunk as runs of equal bytes, whose ends are near blocks or anywhere. */
const chunks = fc
  .array(
    fc.record({
      value: fc.constantFrom(0, 0, 1, 255),
      length: fc.oneof(
        fc.integer({ min: 1, max: 3 * holeBytesMin }),
        fc.integer({ min: 1, max: 12 }).map((blocks) => blocks * zeroBlockBytes),
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts.map(({ value, length }) => Buffer.alloc(length, value))))

describe('runs of a chunk', () => {
  it('cover-it-in-order-and-leave-out-nothing-but-zeros', () => {
    fc.assert(
      fc.property(chunks, (bytes) => {
        let end = 0
        for (const run of findRuns(bytes)) {
          expect(run.from).toBe(end)
          expect(run.to).toBeGreaterThan(run.from)
          end = run.to
          if (!run.isData) expect(bytes.subarray(run.from, run.to).every((b) => b === 0)).toBe(true)
        }
        expect(end).toBe(bytes.length)
      }),
      { numRuns: 200 },
    )
  })

  it('leave-no-long-run-of-zero-blocks-to-be-written', () => {
    fc.assert(
      fc.property(chunks, (bytes) => {
        for (const { from, to, isData } of findRuns(bytes)) {
          if (!isData) continue
          expect(from % zeroBlockBytes).toBe(0)
          let zeroBytes = 0
          for (let block = from; block + zeroBlockBytes <= to; block += zeroBlockBytes) {
            const part = bytes.subarray(block, block + zeroBlockBytes)
            zeroBytes = part.every((byte) => byte === 0) ? zeroBytes + zeroBlockBytes : 0
            expect(zeroBytes).toBeLessThan(holeBytesMin)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})
