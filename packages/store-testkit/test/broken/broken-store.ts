// What the self-test of the suite needs to know of a store with a bug.

import type { StoreAccess } from '@umap/store'
import type { Disk, SoundStore } from './sound-store.ts'

/** A store that is wrong in one way. */
export interface BrokenStore {
  readonly bug: string
  readonly Store: new (disk: Disk, access: StoreAccess) => SoundStore
  /** 'group: test' of each conformance test that has to fail; all others have to pass. */
  readonly foundBy: readonly string[]
}
