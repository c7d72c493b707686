// A store in memory that has a version, holes, failures on demand, and crashes: what a cache has to
// keep up with, small enough to be plainly right.

import {
  type PageStore,
  type StoreCallOptions,
  type StoreCapabilities,
  StoreError,
} from '@umap/store'

/** Bytes in memory that outlive the openings of a store. */
export class VersionedBytes {
  current: Uint8Array
  durable: Uint8Array
  readonly written: Uint8Array
  #counter = 1

  constructor(byteLength: number) {
    this.current = new Uint8Array(byteLength)
    this.durable = new Uint8Array(byteLength)
    this.written = new Uint8Array(byteLength)
  }

  get version(): string {
    return `set-1/${this.#counter}`
  }

  flush(): void {
    this.durable = Uint8Array.from(this.current)
    this.#counter += 1
  }

  /** What was not flushed is gone. */
  loseUnflushed(): void {
    this.current = Uint8Array.from(this.durable)
    this.#keepHolesRight()
  }

  /** Of what was not flushed, any part is gone; the version is that of the last flush. */
  losePartly(random: () => number): void {
    for (let index = 0; index < this.current.byteLength; index++) {
      if (random() < 0.5) {
        this.current[index] = this.durable[index] as number
      }
    }
    this.durable = Uint8Array.from(this.current)
    this.#keepHolesRight()
  }

  // What came back from before a discard is no hole.
  #keepHolesRight(): void {
    for (const [index, byte] of this.current.entries()) {
      if (byte !== 0) {
        this.written[index] = 1
      }
    }
  }
}

/** How a store over {@link VersionedBytes} behaves. */
export interface VersionedStoreOptions {
  readonly atomicFlush: boolean
  readonly callBytesMax: number
  /** Called before each write and flush; 'half' lets a write fail half way. */
  readonly fault?: (op: 'read' | 'write' | 'flush') => 'half' | 'fail' | undefined
}

const busy = () => new StoreError('busy', { code: 'TEST_BUSY', retryable: true })

/** One opening of {@link VersionedBytes}. Counts the bytes that are read from it. */
export class VersionedStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readBytes = 0
  readCalls = 0
  callsMax = 0
  #calls = 0
  readonly #bytes: VersionedBytes
  readonly #fault: NonNullable<VersionedStoreOptions['fault']>

  constructor(bytes: VersionedBytes, options: VersionedStoreOptions) {
    const { atomicFlush, callBytesMax, fault = () => undefined } = options
    this.#bytes = bytes
    this.#fault = fault
    this.byteLength = bytes.current.byteLength
    this.capabilities = { writable: true, concurrencyMax: 4, callBytesMax, atomicFlush }
  }

  get version(): string {
    return this.#bytes.version
  }

  async read(
    offset: number,
    target: Uint8Array,
    { signal }: StoreCallOptions,
  ): Promise<void | 'hole'> {
    const end = offset + target.byteLength
    this.readBytes += target.byteLength
    this.readCalls += 1
    this.#calls += 1
    this.callsMax = Math.max(this.callsMax, this.#calls)
    await undefined
    this.#calls -= 1
    signal.throwIfAborted()
    if (this.#fault('read') !== undefined) {
      throw busy()
    }
    // The kind of hole that a cache could take for data, were it to copy it.
    target.fill(0xab)
    if (this.#bytes.written.subarray(offset, end).every((written) => written === 0)) {
      return 'hole'
    }
    target.set(this.#bytes.current.subarray(offset, end))
    return undefined
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    const fault = this.#fault('write')
    await undefined
    const part = fault === undefined ? source.byteLength : source.byteLength >> 1
    if (fault !== 'fail') {
      this.#bytes.current.set(source.subarray(0, part), offset)
      this.#bytes.written.fill(1, offset, offset + part)
    }
    if (fault !== undefined) {
      throw busy()
    }
  }

  async flush(): Promise<void> {
    await undefined
    if (this.#fault('flush') !== undefined) {
      throw busy()
    }
    this.#bytes.flush()
  }

  discard(offset: number, byteLength: number): void {
    this.#bytes.current.fill(0, offset, offset + byteLength)
    this.#bytes.written.fill(0, offset, offset + byteLength)
  }

  close(): void {}
}
