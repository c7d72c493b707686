// The manifest that is current as far as this opening knows, and its swap for the next one. A swap
// whose reply was lost is recognised by reading the manifest back: each attempt has an id of its
// own, and each manifest names its ancestors.

import { randomBytes } from 'node:crypto'
import type { SessionNames } from './chunk-table.ts'
import { conflictError } from './errors.ts'
import { ancestorsMax, decodeManifest, encodeManifest, type Manifest } from './manifest.ts'
import type { DatasetObjects, PutOutcome } from './objects.ts'

/** A manifest and the ETag of the object it was read from. */
export interface StoredManifest {
  readonly manifest: Manifest
  readonly etag: string
}

/** What the next manifest has that differs from the one before. */
export type NextState = Pick<Manifest, 'chunks' | 'retired'>

/** A server that is asked over and over while others swap must not be asked for ever. */
const attemptsMax = 5

/** Reads the manifest; undefined where there is none. Rejects with 'S3_CORRUPT'. */
export async function readManifest(
  objects: DatasetObjects,
  names: SessionNames,
): Promise<StoredManifest | undefined> {
  const found = await objects.getManifest()
  return (
    found && {
      manifest: decodeManifest(found.body, names, `${objects.where}manifest`),
      etag: found.etag,
    }
  )
}

/** The id of an attempt at generation `generation`. */
export function newStateId(generation: number): string {
  return `${generation}-${randomBytes(8).toString('hex')}`
}

/** The states that one opening went through. One swap at a time. */
export class ManifestChain {
  readonly #objects: DatasetObjects
  readonly #names: SessionNames
  #current: StoredManifest
  /** Attempts that the server may have made, or may make yet, though it has not said so. */
  readonly #unresolved = new Set<string>()
  #conflict: Error | undefined
  #isLostForCertain = false

  /** `sent` are attempts of an earlier opening that this one goes on from. */
  constructor(
    objects: DatasetObjects,
    names: SessionNames,
    current: StoredManifest,
    sent: readonly string[] = [],
  ) {
    this.#objects = objects
    this.#names = names
    this.#current = current
    for (const id of sent.filter((attempt) => attempt !== current.manifest.id)) {
      this.#unresolved.add(id)
    }
  }

  get current(): StoredManifest {
    return this.#current
  }

  get manifest(): Manifest {
    return this.#current.manifest
  }

  /** Whether a manifest that was sent may still become the current one. */
  get isUnresolved(): boolean {
    return this.#unresolved.size > 0
  }

  /** Throws 'S3_CONFLICT' where a swap has shown that another writer was first. */
  throwIfLost(): void {
    if (this.#conflict !== undefined) {
      throw this.#conflict
    }
  }

  /** The id of the manifest that is there now; undefined where there is none. */
  async readCurrentId(): Promise<string | undefined> {
    return (await readManifest(this.#objects, this.#names))?.manifest.id
  }

  /**
   * Whether no manifest that was sent, save the current one, is or ever was or will be current: what
   * only such a manifest refers to may be deleted.
   */
  get isSettled(): boolean {
    return this.#conflict === undefined ? !this.isUnresolved : this.#isLostForCertain
  }

  /**
   * Swaps the manifest for the one that `next` makes of the current one, and returns it. `next` is
   * called again after a state of this opening turned out to have become current; it returns
   * undefined when nothing is left to change, and then the current manifest is returned.
   * `beforeSending` is told the id of each attempt.
   *
   * Rejects with 'S3_CONFLICT', now and from then on, where another writer was first. After any
   * other rejection nobody knows whether the swap was made; the next call finds out.
   */
  async swap(
    next: (current: Manifest) => NextState | undefined,
    beforeSending: (id: string) => void,
  ): Promise<Manifest> {
    for (let attempt = 1; ; attempt++) {
      this.throwIfLost()
      const state = next(this.manifest)
      if (state === undefined) {
        return this.manifest
      }
      const wanted = this.#successor(state)
      beforeSending(wanted.id)
      const outcome = await this.#attempt(wanted)
      if (outcome === 'done') {
        return wanted
      }
      if (attempt === attemptsMax) {
        throw this.#lose(undefined)
      }
    }
  }

  #successor(state: NextState): Manifest {
    const { shape, generation, id, ancestors } = this.manifest
    return {
      shape,
      generation: generation + 1,
      id: newStateId(generation + 1),
      ancestors: [id, ...ancestors].slice(0, ancestorsMax),
      ...state,
    }
  }

  async #attempt(wanted: Manifest): Promise<'done' | 'again'> {
    this.#unresolved.add(wanted.id)
    let outcome: PutOutcome
    try {
      const condition = { ifMatch: this.#current.etag }
      outcome = await this.#objects.putManifest(encodeManifest(wanted), condition)
    } catch (error) {
      return this.#findOut(wanted, error)
    }
    if (outcome === 'refused') {
      return this.#findOut(wanted, undefined)
    }
    this.#accept({ manifest: wanted, etag: outcome.etag })
    return 'done'
  }

  // Without `failure` the server has refused: the manifest is not, or no longer, what it was.
  async #findOut(wanted: Manifest, failure: unknown): Promise<'done' | 'again'> {
    const found = await readManifest(this.#objects, this.#names).catch((error: unknown) => {
      throw failure ?? error
    })
    const id = found?.manifest.id
    if (found !== undefined && id === wanted.id) {
      this.#accept(found)
      return 'done'
    }
    if (found?.manifest.ancestors.includes(wanted.id)) {
      // It was current, and durable, before somebody else went on from it.
      this.#lose(found)
      this.#current = { manifest: wanted, etag: this.#current.etag }
      return 'done'
    }
    if (found !== undefined && id !== undefined && this.#unresolved.has(id)) {
      this.#accept(found)
      return 'again'
    }
    if (id === this.manifest.id && found !== undefined) {
      if (failure !== undefined) {
        throw failure
      }
      this.#current = found
      return 'again'
    }
    throw this.#lose(found)
  }

  // What was sent with an older ETag can never be accepted any more.
  #accept(stored: StoredManifest): void {
    this.#current = stored
    this.#unresolved.clear()
  }

  #lose(found: StoredManifest | undefined): Error {
    const { id } = this.manifest
    const ancestors = found?.manifest.ancestors ?? []
    // Reaching back to the state of this opening, they would name an attempt that had been current.
    this.#isLostForCertain =
      ancestors.includes(id) && !ancestors.some((ancestor) => this.#unresolved.has(ancestor))
    this.#conflict = conflictError(this.#objects.where, id, found?.manifest.id)
    this.#unresolved.clear()
    return this.#conflict
  }
}
