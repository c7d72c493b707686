// Scans of a mapped object in a program of its own, for a thread that waits for a page must not be
// the one that serves it or that stops its server.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { S3StoreOptions } from '@umap/store-s3'
import { expect } from 'vitest'
import type { Pattern } from './fake/pattern.ts'

const partBytes = 2 ** 20

/** What the program found. */
export interface ScanResult {
  /** SHA-256 of each MiB. */
  readonly hashes: readonly string[]
  /** The region's error events. */
  readonly errors: readonly string[]
  readonly seconds: number
  readonly stats: { readonly storeErrors: number; readonly faults: number }
}

/**
 * Maps and reads all of an object through 8 MiB. `onStarted` runs when its first MiB was read; the
 * rest is read when it calls `goOn`.
 */
export async function scan(
  options: S3StoreOptions,
  onStarted: (goOn: () => void) => Promise<void> = async (goOn) => goOn(),
): Promise<ScanResult> {
  const program = fileURLToPath(new URL('programs/scan.mjs', import.meta.url))
  const work = { options, pageBytes: 65_536, bufferBytes: 8 * partBytes, partBytes }
  const child = spawn(process.execPath, [program, JSON.stringify(work)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines: string[] = []
  let started: Promise<void> | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    started ??= onStarted(() => child.stdin.end())
    lines.push(line)
  }
  await started
  expect((await exited)[0]).toBe(0)
  return JSON.parse(lines.at(-1) ?? '') as ScanResult
}

/** What {@link ScanResult.hashes} must be. */
export function hashesOf(pattern: Pattern): string[] {
  return Array.from({ length: Math.ceil(pattern.byteLength / partBytes) }, (_, part) => {
    const from = part * partBytes
    const bytes = pattern.slice(from, Math.min(pattern.byteLength, from + partBytes))
    return createHash('sha256').update(bytes).digest('hex')
  })
}
