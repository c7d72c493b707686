// One copy from beginning to end: open, look, copy, read back; and again from where it stopped. It
// maps nothing: both stores run in this thread.

import type { PageStore } from '@umap/store'
import { allChunks, bytesOfChunks, chooseChunkBytes } from './chunks.ts'
import { type CopyPassOptions, copyChunks, type PassOptions } from './copy-chunks.ts'
import { CopyError, copyErrorCodes, toCopyError } from './copy-error.ts'
import { Journal, type JournalHeader } from './journal.ts'
import { LimitedStore } from './limited-store.ts'
import { identityOf, type OpenedTo, openArgument, openTo, refuseSameStore } from './open-stores.ts'
import type { StoreArgument } from './store-argument.ts'
import { findData, verifyChunks } from './verify-chunks.ts'

/** What is read again once all is written: nothing, TO, or TO and FROM. */
export type VerifyMode = 'none' | 'to' | 'both'

/** Where a copy is. */
export type CopyPhase = 'checking' | 'copying' | 'verifying'

/** Options of {@link copyStore}. */
export interface CopyOptions {
  readonly from: StoreArgument
  readonly to: StoreArgument
  /** See `openTo`. */
  readonly create: boolean | undefined
  /** TO may hold data, or an unfinished copy of something else. */
  readonly force: boolean
  readonly verify: VerifyMode
  /** Calls in flight for each store, at most. */
  readonly concurrency: number
  readonly flushBytes: number
  /** Path of the journal. */
  readonly journalFile: string
  /** Ends the copy; what is written is made durable, and the journal stays. */
  readonly signal: AbortSignal
  /** A new phase begins, `doneBytes` of `totalBytes` were done before. */
  readonly onPhase: (phase: CopyPhase, doneBytes: number, totalBytes: number) => void
  readonly onProgress: (bytes: number) => void
}

/** What became of the bytes. */
export interface CopyResult {
  readonly byteLength: number
  /** Written in this run. */
  writtenBytes: number
  /** Zeros that were not written in this run. */
  holeBytes: number
  /** Durable in TO before this run began. */
  resumedBytes: number
  /** Of those, what had to be copied again, because FROM or TO had changed. */
  recopiedBytes: number
  /** Read back from TO and found equal to what was read from FROM. */
  verifiedBytes: number
}

/**
 * Copies FROM to TO, or goes on with a copy that was interrupted.
 *
 * Rejects with a `CopyError`; what was written until then is kept, and entered in the journal.
 */
export async function copyStore(options: CopyOptions): Promise<CopyResult> {
  const from = await openArgument(options.from, 'read-only')
  try {
    const { byteLength } = from
    const opened = await openTo(options.to, byteLength, options.create)
    let journal: Journal | undefined
    try {
      refuseSameStore(options.from, options.to, [from, opened.store])
      const started = await openJournal(options, from, opened)
      journal = started.journal
      const copy = new Copy(options, from, started.journal, started.isResumed)
      const result = await copy.run(opened, started.toIsEmpty)
      await journal.remove()
      return result
    } catch (error) {
      await journal?.close().catch(() => undefined)
      await opened.store.close()
      throw journal === undefined ? error : withResumption(error, journal)
    }
  } finally {
    await from.close()
  }
}

/** The journal of an interrupted copy of the same bytes, or a new one for a TO that is free. */
async function openJournal(
  options: CopyOptions,
  from: PageStore,
  opened: OpenedTo,
): Promise<{ journal: Journal; isResumed: boolean; toIsEmpty: boolean }> {
  const header: JournalHeader = {
    format: 'umap-cp-1',
    fromIdentity: identityOf(options.from.ref),
    fromVersion: versionOf(from),
    byteLength: from.byteLength,
    chunkBytes: chooseChunkBytes(from, opened.store, options.flushBytes),
  }
  const found = await Journal.load(options.journalFile)
  // A TO that had to be made holds nothing of what an old journal may say.
  if (found !== undefined && !opened.isNew && !options.force) {
    const why = whyNotResumable(found.header, header)
    if (why === undefined) return { journal: found, isResumed: true, toIsEmpty: false }
    await found.close()
    throw why
  }
  await found?.close()
  const toIsEmpty =
    opened.isEmpty || (!options.force && (await refuseData(options, opened, header)))
  const journal = await Journal.create(options.journalFile, header)
  return { journal, isResumed: false, toIsEmpty }
}

function whyNotResumable(was: JournalHeader, is: JournalHeader): CopyError | undefined {
  const wayOut = '--force copies all of it again'
  if (was.fromIdentity !== is.fromIdentity) {
    return new CopyError('TO holds an unfinished copy of another FROM', {
      code: copyErrorCodes.notEmpty,
      wayOut,
    })
  }
  if (was.byteLength !== is.byteLength || was.fromVersion !== is.fromVersion) {
    return new CopyError('FROM has changed since this copy was interrupted', {
      code: copyErrorCodes.sourceChanged,
      wayOut,
    })
  }
  return undefined
}

// Layers and stores of others may know no version.
function versionOf(store: PageStore): string | null {
  const { version } = store as { readonly version?: unknown }
  return typeof version === 'string' ? version : null
}

/** Rejects where TO holds anything but zeros; else true, for it is empty then. */
async function refuseData(
  options: CopyOptions,
  { store }: OpenedTo,
  header: JournalHeader,
): Promise<boolean> {
  const label = `TO (${options.to.label})`
  const to = new LimitedStore(store, label, options.concurrency)
  options.onPhase('checking', 0, header.byteLength)
  const { signal, onProgress } = options
  const concurrency = store.capabilities.concurrencyMax
  const offset = await findData(to, { layout: header, concurrency, signal, onProgress })
  if (offset !== undefined) {
    throw new CopyError(`${label} holds data from byte ${offset} on`, {
      code: copyErrorCodes.notEmpty,
      wayOut: '--force overwrites it',
    })
  }
  if (signal.aborted) throw interrupted()
  return true
}

function withResumption(error: unknown, { digests, header }: Journal): CopyError {
  const failure = toCopyError(error, 'umap cp')
  failure.resumableBytes = bytesOfChunks(header, [...digests.keys()])
  return failure
}

function interrupted(): CopyError {
  return new CopyError('interrupted', { code: copyErrorCodes.interrupted })
}

/** The passes over the chunks, with what they share. */
class Copy {
  readonly #options: CopyOptions
  readonly #from: LimitedStore
  readonly #journal: Journal
  /** Chunks that an earlier run copied; FROM or TO may have changed since. */
  readonly #earlier: Set<number>
  readonly #result: CopyResult

  constructor(options: CopyOptions, from: PageStore, journal: Journal, isResumed: boolean) {
    this.#options = options
    this.#from = new LimitedStore(from, `FROM (${options.from.label})`, options.concurrency)
    this.#journal = journal
    this.#earlier = new Set(isResumed ? journal.digests.keys() : [])
    this.#result = {
      byteLength: from.byteLength,
      writtenBytes: 0,
      holeBytes: 0,
      resumedBytes: this.#bytesOf([...this.#earlier]),
      recopiedBytes: 0,
      verifiedBytes: 0,
    }
  }

  // 1. Copy what the journal does not have. 2. Open TO again and read all of it back. 3. Copy what
  // is not right again, once, where an earlier run had written it or FROM has changed.
  async run(opened: OpenedTo, toIsEmpty: boolean): Promise<CopyResult> {
    const all = allChunks(this.#journal.header)
    await this.#copy(
      opened.store,
      all.filter((index) => !this.#journal.digests.has(index)),
      toIsEmpty,
    )
    await opened.store.close()
    if (this.#options.verify === 'none') return this.#result
    const again = await this.#verify(all)
    if (again.length > 0) {
      const { store } = await openTo(this.#options.to, this.#result.byteLength, false)
      await this.#copy(store, again, false).finally(() => store.close())
      this.#result.recopiedBytes = this.#bytesOf(again)
      if ((await this.#verify(again)).length > 0) {
        throw new CopyError('FROM changes while it is copied', {
          code: copyErrorCodes.sourceChanged,
          wayOut: 'copy a snapshot, or something that holds still',
        })
      }
    }
    return this.#result
  }

  async #copy(store: PageStore, indices: readonly number[], toIsEmpty: boolean): Promise<void> {
    const to = this.#limit(store)
    const doneBytes = this.#result.byteLength - this.#bytesOf(indices)
    this.#options.onPhase('copying', doneBytes, this.#result.byteLength)
    const pass: CopyPassOptions = {
      ...this.#passOptions(store),
      journal: this.#journal,
      flushBytes: this.#options.flushBytes,
      toIsEmpty,
    }
    const { writtenBytes, holeBytes } = await copyChunks(this.#from, to, indices, pass)
    this.#result.writtenBytes += writtenBytes
    this.#result.holeBytes += holeBytes
    for (const index of indices) this.#earlier.delete(index)
    if (this.#options.signal.aborted) throw interrupted()
  }

  /** Reads TO back through a new opening, past what the first one may remember. */
  async #verify(indices: readonly number[]): Promise<number[]> {
    const store = await openArgument(this.#options.to, 'read-only')
    try {
      return await this.#verifyOpen(store, indices)
    } finally {
      await store.close()
    }
  }

  async #verifyOpen(store: PageStore, indices: readonly number[]): Promise<number[]> {
    const totalBytes = this.#bytesOf(indices)
    this.#options.onPhase('verifying', 0, totalBytes)
    const isPinned = this.#journal.header.fromVersion !== null
    const pass = {
      ...this.#passOptions(store),
      journal: this.#journal,
      readsFrom: (index: number) =>
        this.#options.verify === 'both' || (!isPinned && this.#earlier.has(index)),
    }
    const { wrong, stale } = await verifyChunks(this.#from, this.#limit(store), indices, pass)
    const again = [...wrong, ...stale]
    await this.#journal.append(again.map((index) => [index, null]))
    if (this.#options.signal.aborted) throw interrupted()
    const unfaithful = wrong.find((index) => !this.#earlier.has(index))
    if (unfaithful !== undefined) throw this.#notKept(unfaithful)
    this.#result.verifiedBytes += totalBytes - this.#bytesOf(again)
    return again
  }

  #notKept(index: number): CopyError {
    const offset = index * this.#journal.header.chunkBytes
    const message = `TO (${this.#options.to.label}) gave back other bytes than were written`
    return new CopyError(`${message}, in the chunk at byte ${offset}`, {
      code: copyErrorCodes.verify,
      wayOut: 'look after its medium; the same command copies that part again',
    })
  }

  #limit(store: PageStore): LimitedStore {
    return new LimitedStore(store, `TO (${this.#options.to.label})`, this.#options.concurrency)
  }

  #passOptions(store: PageStore): PassOptions {
    const { signal, onProgress, concurrency: callsMax } = this.#options
    // While some chunks are read, others are written: both stores are kept busy.
    const concurrency = [this.#from.store, store]
      .map(({ capabilities }) => Math.min(capabilities.concurrencyMax, callsMax))
      .reduce((sum, calls) => sum + calls)
    return { layout: this.#journal.header, concurrency, signal, onProgress }
  }

  #bytesOf(indices: readonly number[]): number {
    return bytesOfChunks(this.#journal.header, indices)
  }
}
