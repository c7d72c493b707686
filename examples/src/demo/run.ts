// What every task of the demo is given, and the way a task maps a file so that its figures end up
// in the report.
import { setImmediate } from 'node:timers/promises'
import { PageBuffer, type Region, umap } from '@umap/core'
import { fileStore } from '@umap/store-file'
import type { MappingReport } from './mapping-report.ts'
import type { Progress } from './progress.ts'

/** One run of the demo. */
export interface Run {
  readonly progress: Progress
  /** Aborted when the user interrupts the run. */
  readonly signal: AbortSignal
}

/** What to map, and how. */
export interface Mapping {
  /** Heads the column of the report. */
  readonly title: string
  readonly path: string
  readonly access: 'read-only' | 'read-write'
  readonly pageBytes: number
  readonly bufferBytes: number
}

/** A mapped file while a task works on it. */
export interface MappedTask {
  readonly region: Region
  /**
   * Called often by a long task, `bytes` further: moves the bar, lets signals and timers run, and
   * rejects when the run is interrupted.
   */
  turn(bytes: number): Promise<void>
}

/**
 * Maps a file, runs `work` on it, and unmaps it. `work` returns how often it touched the mapping,
 * as far as it knows. Rejects with what `umap()` or `work` rejects with.
 */
export async function runMapped(
  run: Run,
  mapping: Mapping,
  work: (task: MappedTask) => Promise<number | undefined>,
): Promise<MappingReport> {
  const { title, path, access, pageBytes, bufferBytes } = mapping
  const buffer = new PageBuffer({ bytes: bufferBytes })
  const region = await umap({ store: fileStore({ path }), access, pageBytes, buffer })
  try {
    const touchCount = await work({ region, turn: (bytes) => takeTurn(run, bytes) })
    return {
      title,
      mappedBytes: region.byteLength,
      bufferBytes,
      residentBytesMax: buffer.stats().residentBytesMax,
      processBytesMax: process.resourceUsage().maxRSS * 1024,
      touchCount,
      stats: region.stats(),
    }
  } finally {
    await region.close()
    buffer.close()
  }
}

/** The same for a task without a mapping. */
export async function takeTurn(run: Run, bytes: number): Promise<void> {
  run.progress.advance(bytes)
  await setImmediate()
  run.signal.throwIfAborted()
}
