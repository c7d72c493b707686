// A store in JavaScript that answers at once, so that a fault costs what the way to JavaScript costs.
// Runs in the store host.
import type { PageStore } from '@umap/store'
import { filledWith } from './fill.ts'

/** What the store is opened with. */
export interface InstantStoreOptions {
  readonly byteLength: number
  /** Whether `read` returns a promise. */
  readonly isAsync: boolean
}

/** Opens one. */
export function openStore({ byteLength, isAsync }: InstantStoreOptions): PageStore {
  const read = (_offset: number, target: Uint8Array): void => void target.fill(filledWith)
  return {
    byteLength,
    capabilities: {
      writable: false,
      concurrencyMax: 16,
      callBytesMax: 2 ** 20,
      atomicFlush: false,
    },
    read: isAsync ? async (offset, target) => read(offset, target) : read,
    close: () => {},
  }
}
