// A store of the model test: the reference that is mapped, plain memory that says what its bytes
// must be, and a look at them past the engine.

import { openStoreRef, type StoreRef } from '@umap/store'
import type { Random } from './random.mjs'

/** What a run needs to know of a store; modules for `--store` return these. */
export interface ModelStore {
  readonly name: string
  /** What the regions map, opened for reading and writing. */
  readonly ref: StoreRef
  readonly byteLength: number
  /**
   * Shows what the store has made durable to whoever opens it beside, while `ref` is open too.
   * Default: `ref`.
   */
  readonly durableRef?: StoreRef
  /** Makes the next few calls fail in a way that the engine has to repeat. */
  disturb?(random: Random): void
}

/** Makes the stores of a run. Files go into `folder`, which is removed at its end. */
export type ModelStores = (
  random: Random,
  folder: string,
) => readonly ModelStore[] | Promise<readonly ModelStore[]>

/** A store of a run with its bytes. */
export interface ModelSubject {
  readonly store: ModelStore
  readonly durableRef: StoreRef
  readonly expected: SharedArrayBuffer
}

const callBytes = 2 ** 20

/** Fills the store with bytes from `random`, and keeps them. */
export async function prepareSubject(store: ModelStore, random: Random): Promise<ModelSubject> {
  const { byteLength } = store
  const durableRef = store.durableRef ?? store.ref
  const expected = new SharedArrayBuffer(byteLength)
  const bytes = new Uint8Array(expected)
  for (let index = 0; index < byteLength; index++) {
    bytes[index] = random.integer(256)
  }
  const opened = await openStoreRef(durableRef, { access: 'read-write' })
  try {
    if (opened.byteLength !== byteLength) {
      throw new Error(`${store.name} has ${opened.byteLength} bytes instead of ${byteLength}`)
    }
    const { signal } = new AbortController()
    for (let offset = 0; offset < byteLength; offset += callBytes) {
      await opened.write?.(offset, bytes.slice(offset, offset + callBytes), { signal })
    }
    await opened.flush?.()
  } finally {
    await opened.close()
  }
  return { store, durableRef, expected }
}

/** All the durable bytes of a store. */
export async function durableBytes({ durableRef }: ModelSubject): Promise<Uint8Array> {
  const opened = await openStoreRef(durableRef, { access: 'read-only' })
  try {
    const bytes = new Uint8Array(opened.byteLength)
    const { signal } = new AbortController()
    for (let offset = 0; offset < bytes.byteLength; offset += callBytes) {
      const target = bytes.subarray(offset, offset + callBytes)
      if ((await opened.read(offset, target, { signal })) === 'hole') {
        target.fill(0)
      }
    }
    return bytes
  } finally {
    await opened.close()
  }
}
