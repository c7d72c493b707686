// What the binding's tests open: page buffers, scratch files, regions over them, and store hosts
// with a worker. Everything is given back when the test ends.

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type BufferId, type HostId, loadNative, type RegionId } from '@umap/native'
import { onTestFinished } from 'vitest'

export const native = loadNative()

/** The page size of every region here. */
export const pageBytes = 4096

/** A descriptor of a file that is open for reading and writing and has no name any more. */
export function openScratchFile(byteLength: number, content?: Uint8Array): number {
  const directory = mkdtempSync(join(tmpdir(), 'umap-native-'))
  const fd = openSync(join(directory, 'data'), 'w+')
  rmSync(directory, { recursive: true })
  onTestFinished(() => closeSync(fd))
  ftruncateSync(fd, byteLength)
  if (content !== undefined) writeSync(fd, content, 0, content.length, 0)
  return fd
}

/** A page buffer that is large enough for every test here. */
export function createBuffer(budgetBytes = 64 * 2 ** 20): BufferId {
  const id = native.bufferCreate({ budgetBytes, highWaterPercent: 0, lowWaterPercent: 0 })
  onTestFinished(() => native.bufferRelease(id))
  return id
}

/** An open, writable region over a file. The test closes it. */
export function openFileRegion(fd: number, byteLength: number, bufferId: BufferId): RegionId {
  return native.regionOpen({
    store: { kind: 'file', fd, direct: false, byteLength, writable: true, label: 'scratch file' },
    writable: true,
    pageBytes,
    offset: 0,
    byteLength,
    bufferId,
    readAheadPagesMax: 0,
  })
}

/** How the worker of `memory-host.mjs` treats its next calls. */
export const behaviour = { answer: 0, keep: 1, fail: 2, exit: 3, throw: 4, hole: 5 } as const

/** A store in memory behind a store host, and who plays its supervisor. */
export class MemoryHost {
  readonly id: HostId
  readonly bytes: Uint8Array
  readonly #control = new Int32Array(new SharedArrayBuffer(4))
  #worker: Worker | undefined
  #shown = 0

  constructor(byteLength: number, graceMs = 60_000) {
    this.bytes = new Uint8Array(new SharedArrayBuffer(byteLength))
    this.id = native.hostCreate({ arenaBytes: 2 ** 20, graceMs })
    onTestFinished(async () => {
      native.hostClose(this.id)
      await this.stop()
    })
  }

  /** Starts a worker and resolves when it serves. */
  async start(): Promise<void> {
    const { id: hostId, bytes } = this
    const worker = new Worker(new URL('./programs/memory-host.mjs', import.meta.url), {
      workerData: { hostId, bytes, control: this.#control },
    })
    this.#worker = worker
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message) => {
        if (message === 'call') this.#shown += 1
        else resolve()
      })
      // An error after that is what a test wanted.
      worker.on('error', reject)
    })
  }

  /** Ends the worker in the middle of whatever it does. */
  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }

  /** Resolves when the worker has ended by itself. */
  async ended(): Promise<void> {
    await new Promise<void>((resolve) => this.#worker?.once('exit', () => resolve()))
  }

  behave(kind: (typeof behaviour)[keyof typeof behaviour]): void {
    Atomics.store(this.#control, 0, kind)
  }

  /** Resolves when the worker has been shown one more call than at the last time. */
  async shown(): Promise<void> {
    while (this.#shown === 0) {
      await new Promise((resolve) => this.#worker?.once('message', resolve))
    }
    this.#shown -= 1
  }

  /** An open, writable region over this store. The test closes it. */
  open(bufferId: BufferId): RegionId {
    const byteLength = this.bytes.length
    return native.regionOpen({
      store: {
        kind: 'host',
        hostId: this.id,
        storeKey: 3,
        byteLength,
        writable: true,
        label: 'memory of the test',
        callBytesMax: 64 * 1024,
        concurrencyMax: 4,
        canDiscard: true,
      },
      writable: true,
      pageBytes,
      offset: 0,
      byteLength,
      bufferId,
      readAheadPagesMax: 0,
    })
  }
}
