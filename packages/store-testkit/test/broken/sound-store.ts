// A store that keeps the contract, to be broken by what extends it. Each opening works on a copy of
// the disk that flush puts in its place, so that it is atomic.

import { type PageStore, type StoreAccess, StoreError, storeErrorCodes } from '@umap/store'

/** What is left when a store is closed. */
export interface Disk {
  bytes: Uint8Array
  /** Indices of pages that were written and not discarded. */
  written: Set<number>
  version: number
}

/** Options of a call; conformance tests always give a signal. */
export interface CallOptions {
  readonly signal: AbortSignal
}

export const pageBytes = 4096

/** A disk of zeros. */
export function emptyDisk(byteLength: number): Disk {
  return { bytes: new Uint8Array(byteLength), written: new Set(), version: 1 }
}

/** One opening of a disk; every call takes a turn of the event loop at least. */
export class SoundStore implements PageStore {
  byteLength: number
  capabilities: PageStore['capabilities']
  protected readonly disk: Disk
  protected bytes: Uint8Array
  protected written: Set<number>
  protected isClosed = false
  protected readonly inFlight = new Set<Promise<unknown>>()
  protected version_: string

  constructor(disk: Disk, access: StoreAccess) {
    this.disk = disk
    this.bytes = disk.bytes.slice()
    this.written = new Set(disk.written)
    this.byteLength = disk.bytes.byteLength
    this.version_ = `v${disk.version}`
    this.capabilities = {
      writable: access === 'read-write',
      concurrencyMax: 8,
      callBytesMax: 8 * pageBytes,
      atomicFlush: true,
    }
  }

  get version(): string {
    return this.version_
  }

  read(offset: number, target: Uint8Array, _options?: CallOptions): Promise<void | 'hole'> {
    return this.run(async () => {
      this.checkRange(offset, target.byteLength)
      await turn()
      return this.fill(offset, target)
    })
  }

  write(offset: number, source: Uint8Array, _options?: CallOptions): Promise<void> {
    return this.run(async () => {
      this.checkWritable()
      this.checkRange(offset, source.byteLength)
      await turn()
      this.store(offset, source)
    })
  }

  flush(): Promise<void> {
    return this.run(async () => {
      await turn()
      this.commit()
    })
  }

  discard(offset: number, byteLength: number): Promise<void> {
    return this.run(async () => {
      this.checkWritable()
      this.checkRange(offset, byteLength)
      await turn()
      this.erase(offset, byteLength)
    })
  }

  async close(): Promise<void> {
    this.isClosed = true
    await Promise.allSettled(this.inFlight)
  }

  protected run<T>(call: () => Promise<T>): Promise<T> {
    const running = this.isClosed ? Promise.reject(closedError()) : call()
    this.inFlight.add(running)
    const done = () => this.inFlight.delete(running)
    running.then(done, done)
    return running
  }

  protected fill(offset: number, target: Uint8Array): void | 'hole' {
    if (pagesOf(offset, target.byteLength).every((page) => !this.written.has(page))) {
      return 'hole'
    }
    target.set(this.bytes.subarray(offset, offset + target.byteLength))
  }

  protected store(offset: number, source: Uint8Array): void {
    this.bytes.set(source, offset)
    for (const page of pagesOf(offset, source.byteLength)) {
      this.written.add(page)
    }
  }

  protected erase(offset: number, byteLength: number): void {
    this.bytes.fill(0, offset, offset + byteLength)
    for (const page of pagesOf(offset, byteLength)) {
      this.written.delete(page)
    }
  }

  protected commit(): void {
    if (!this.capabilities.writable || Buffer.compare(this.bytes, this.disk.bytes) === 0) {
      return
    }
    this.disk.bytes = this.bytes.slice()
    this.disk.written = new Set(this.written)
    this.disk.version += 1
    this.version_ = `v${this.disk.version}`
  }

  protected checkRange(offset: number, byteLength: number): void {
    const inside = offset >= 0 && offset % 1 === 0 && offset + byteLength <= this.byteLength
    if (!inside) {
      throw new StoreError(`${byteLength} bytes at ${offset} are outside`, {
        code: storeErrorCodes.range,
      })
    }
  }

  protected checkWritable(): void {
    if (!this.capabilities.writable) {
      throw new StoreError('opened read-only', { code: storeErrorCodes.readOnly })
    }
  }
}

/** A turn of the event loop: long enough for whatever else was started with a call. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Several of them: longer than what a conformance test allows for. */
export async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await turn()
  }
}

/** Indices of the pages that a range touches. */
export function pagesOf(offset: number, byteLength: number): number[] {
  const first = Math.floor(offset / pageBytes)
  const end = Math.ceil((offset + byteLength) / pageBytes)
  return Array.from({ length: end - first }, (_, index) => first + index)
}

function closedError(): StoreError {
  return new StoreError('closed', { code: storeErrorCodes.closed })
}
