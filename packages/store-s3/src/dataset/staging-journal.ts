// What a writer has staged, uploaded and sent, on the local disk beside the staged bytes: when the
// store host dies, the store is opened again in the same session and goes on from here. Nothing is
// synced, for it outlives a thread or a process, not the machine. Calls are synchronous on purpose,
// as those of the staging file are.

import { createHash } from 'node:crypto'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { isRetryableCode, StoreError, storeErrorCodes } from '@umap/store'
import type { EtagForm } from './objects.ts'

/** One thing that happened, in the order in which it did. */
export type JournalRecord =
  /** Bytes of a chunk were staged; `slots` are those of the blocks that they touch. */
  | readonly ['write', chunk: number, at: number, byteLength: number, slots: readonly number[]]
  | readonly ['drop', chunk: number]
  /** A chunk is another object now, or a hole. */
  | readonly ['object', chunk: number, session: string, sequence: number]
  | readonly ['hole', chunk: number]
  /** A manifest is about to be sent. */
  | readonly ['sent', id: string]

/** What one session left behind. */
export interface JournalContents {
  readonly manifest: Buffer
  readonly etag: string
  readonly etagForm: EtagForm
  readonly records: readonly JournalRecord[]
}

const prefix = 'umap-s3-'
const staleAfterMs = 3_600_000
const rewriteBytes = 16 * 2 ** 20

/** The journal of one session, in a directory of its own. */
export class StagingJournal {
  readonly #directory: string
  #fd: number
  #byteLength = 0

  private constructor(directory: string) {
    this.#directory = directory
    this.#fd = openSync(path.join(directory, 'journal'), 'a', 0o600)
    this.#byteLength = statSync(path.join(directory, 'journal')).size
  }

  /** Starts the journal of `session` in `parent`; clears away what dead processes left there. */
  static create(parent: string, session: string): StagingJournal {
    removeStale(parent)
    const directory = path.join(parent, `${nameOf(session)}-${process.pid}`)
    return attempt(directory, () => {
      mkdirSync(directory, { mode: 0o700 })
      return new StagingJournal(directory)
    })
  }

  /** The journal of an earlier opening in `session`; undefined where there is none. */
  static find(
    parent: string,
    session: string,
  ): { readonly journal: StagingJournal; readonly contents: JournalContents } | undefined {
    return attempt(parent, () => {
      const name = readdirSync(parent).find((entry) => entry.startsWith(`${nameOf(session)}-`))
      if (name === undefined) {
        return undefined
      }
      const directory = path.join(parent, name)
      return { contents: readContents(directory), journal: new StagingJournal(directory) }
    })
  }

  /** Where the staged bytes are. */
  get stagingPath(): string {
    return path.join(this.#directory, 'staged')
  }

  append(record: JournalRecord): void {
    this.#write(`${JSON.stringify(record)}\n`)
  }

  /** A manifest became current; what was sent before it is settled. `records` is what remains. */
  settle(
    manifest: Uint8Array,
    etag: string,
    etagForm: EtagForm,
    records: () => readonly JournalRecord[],
  ): void {
    attempt(this.#directory, () => {
      const head = Buffer.from(`${JSON.stringify({ etag, etagForm })}\n`)
      const file = path.join(this.#directory, 'manifest')
      writeFileSync(`${file}.new`, Buffer.concat([head, manifest]), { mode: 0o600 })
      renameSync(`${file}.new`, file)
    })
    const remaining = this.#byteLength > 0 ? records() : []
    if (remaining.length === 0) {
      ftruncateSync(this.#fd, 0)
      this.#byteLength = 0
    } else if (this.#byteLength > rewriteBytes) {
      this.#rewrite(remaining)
    }
  }

  /** Removes all of it. */
  remove(): void {
    closeSync(this.#fd)
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #rewrite(records: readonly JournalRecord[]): void {
    attempt(this.#directory, () => {
      const file = path.join(this.#directory, 'journal')
      const lines = records.map((record) => `${JSON.stringify(record)}\n`)
      writeFileSync(`${file}.new`, lines.join(''), { mode: 0o600 })
      const fd = openSync(`${file}.new`, 'a')
      renameSync(`${file}.new`, file)
      closeSync(this.#fd)
      this.#fd = fd
      this.#byteLength = statSync(file).size
    })
  }

  #write(text: string): void {
    const bytes = Buffer.from(text)
    attempt(this.#directory, () => {
      for (let done = 0; done < bytes.byteLength; ) {
        done += writeSync(this.#fd, bytes, done)
      }
    })
    this.#byteLength += bytes.byteLength
  }
}

function readContents(directory: string): JournalContents {
  const bytes = readFileSync(path.join(directory, 'manifest'))
  const end = bytes.indexOf('\n')
  const { etag, etagForm } = JSON.parse(bytes.toString('utf8', 0, end)) as {
    etag: string
    etagForm: EtagForm
  }
  const text = readFileSync(path.join(directory, 'journal'), 'utf8')
  // The call whose record was cut off was never answered.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  const records = lines.filter((line) => line !== '').map((line) => JSON.parse(line))
  return { manifest: bytes.subarray(end + 1), etag, etagForm, records }
}

function nameOf(session: string): string {
  return prefix + createHash('sha256').update(session).digest('hex').slice(0, 16)
}

// Of processes that were killed, once nobody can be about to open them again.
function removeStale(parent: string): void {
  try {
    for (const name of readdirSync(parent).filter((entry) => entry.startsWith(prefix))) {
      const [, pid] = /-(\d+)$/.exec(name) ?? []
      const directory = path.join(parent, name)
      const isOld = statSync(directory).mtimeMs < Date.now() - staleAfterMs
      if (pid !== undefined && isOld && !isAlive(Number(pid))) {
        rmSync(directory, { recursive: true, force: true })
      }
    }
  } catch {
    // Somebody else's, or gone meanwhile.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function attempt<T>(where: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    const { code = storeErrorCodes.unknown, message } = error as NodeJS.ErrnoException
    throw new StoreError(`cannot keep what is staged in ${where}: ${message}`, {
      code,
      retryable: isRetryableCode(code),
      cause: error,
    })
  }
}
