// Collects chunk objects that no manifest refers to any more. What is deleted was retired by a
// manifest that became current, at least the readers' grace ago; the rules, and why they never hit
// a chunk of a writer that can still win, are in docs/s3-dataset-format.md.

import { type ChunkName, type ChunkTable, chunkKey } from './chunk-table.ts'
import type { Manifest, RetiredChunk } from './manifest.ts'
import type { DatasetObjects } from './objects.ts'

// Nobody should wait for a server that is away only to tidy up there.
const endTimeoutMs = 5_000

/** The garbage of one opening for writing. */
export class Garbage {
  readonly #objects: DatasetObjects
  readonly #ownSessions: ReadonlySet<string>
  readonly #graceMs: number
  /** Retired, and not in a manifest yet. */
  #found: RetiredChunk[] = []
  #orphans: Promise<ChunkName[] | undefined> | undefined
  /** Deleted, and perhaps still in the current manifest. */
  readonly #deleted = new Set<string>()
  readonly #ending = new AbortController()
  #collecting: Promise<void> = Promise.resolve()

  constructor(objects: DatasetObjects, ownSessions: ReadonlySet<string>, graceMs: number) {
    this.#objects = objects
    this.#ownSessions = ownSessions
    this.#graceMs = graceMs
  }

  /**
   * Retires an object that this opening uploaded and has replaced. `isKnownToNobody`: no manifest
   * that named it was ever sent.
   */
  replaced(name: ChunkName, isKnownToNobody: boolean): void {
    this.#found.push({ name, retiredAtMs: isKnownToNobody ? 0 : Date.now() })
  }

  /**
   * Looks, once in an opening, for what killed openings left behind. To be called, and waited for,
   * before a swap: only writers that a swap shuts out may lose what is found.
   */
  async findOrphans(current: Manifest): Promise<void> {
    this.#orphans ??= this.#list(current)
    const orphans = await this.#orphans
    if (orphans === undefined) {
      // Not permitted, say. Space is lost then, nothing else; the next flush tries again.
      this.#orphans = undefined
      return
    }
    const retiredAtMs = Date.now()
    this.#found.push(...orphans.splice(0).map((name) => ({ name, retiredAtMs })))
  }

  /** What the manifest after `current` retires if it has `chunks`, of which `changed` differ. */
  retiredBy(current: Manifest, chunks: ChunkTable, changed: ReadonlySet<number>): RetiredChunk[] {
    const retired = new Map<string, RetiredChunk>()
    for (const row of [...current.retired, ...this.#found]) {
      if (!this.#deleted.has(chunkKey(row.name))) {
        retired.set(chunkKey(row.name), row)
      }
    }
    const retiredAtMs = Date.now()
    for (const chunk of changed) {
      const name = current.chunks.get(chunk)
      if (name !== undefined && !chunks.isSame(chunk, current.chunks)) {
        retired.set(chunkKey(name), { name, retiredAtMs })
      }
    }
    return [...retired.values()]
  }

  /** Begins to delete what `current`, which became current just now, lets go. */
  collect(current: Manifest): void {
    const inManifest = new Set(current.retired.map(({ name }) => chunkKey(name)))
    this.#found = this.#found.filter(({ name }) => !inManifest.has(chunkKey(name)))
    for (const key of this.#deleted) {
      if (!inManifest.has(key)) {
        this.#deleted.delete(key)
      }
    }
    const before = Date.now() - this.#graceMs
    const names = current.retired
      .filter(
        ({ name, retiredAtMs }) => retiredAtMs <= before && !this.#deleted.has(chunkKey(name)),
      )
      .map(({ name }) => name)
    this.#collecting = this.#collecting.then(() => this.#delete(names))
  }

  /** Deletes objects that nobody has ever known of. */
  discard(names: readonly ChunkName[]): void {
    this.#collecting = this.#collecting.then(() => this.#delete(names))
  }

  /** Resolves when nothing is being deleted any more, or soon. Never rejects. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.#ending.abort(), endTimeoutMs)
    await this.#collecting
    clearTimeout(timer)
  }

  // What cannot be deleted now stays in the manifest's list for a later flush or opening.
  async #delete(names: readonly ChunkName[]): Promise<void> {
    try {
      await this.#objects.deleteChunks(names, this.#ending.signal)
    } catch {
      return
    }
    for (const name of names) {
      this.#deleted.add(chunkKey(name))
    }
  }

  async #list(current: Manifest): Promise<ChunkName[] | undefined> {
    const orphans = new Map<string, ChunkName>()
    try {
      for await (const name of this.#objects.listChunks()) {
        if (!this.#ownSessions.has(name.session)) {
          orphans.set(chunkKey(name), name)
        }
      }
    } catch {
      return undefined
    }
    for (const { name } of current.retired) {
      orphans.delete(chunkKey(name))
    }
    for (let chunk = 0; chunk < current.chunks.chunkCount && orphans.size > 0; chunk++) {
      const name = current.chunks.get(chunk)
      if (name !== undefined) {
        orphans.delete(chunkKey(name))
      }
    }
    return [...orphans.values()]
  }
}
