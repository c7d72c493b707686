// The journal of an unfinished copy: which chunks are durable in TO, with their digests, so that a
// copy that was interrupted, by SIGKILL or a power cut too, goes on where it stopped. A chunk is
// entered only after TO's flush(); what a torn end of the file says is not believed.

import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, rename, unlink } from 'node:fs/promises'
import path from 'node:path'
import { CopyError, copyErrorCodes } from './copy-error.ts'

/** What a journal says of its copy as a whole. */
export interface JournalHeader {
  readonly format: 'umap-cp-1'
  /** Digest of FROM's reference, see `identityOf`. */
  readonly fromIdentity: string
  /** FROM's version when the copy began, null where the store has none. */
  readonly fromVersion: string | null
  readonly byteLength: number
  readonly chunkBytes: number
}

/** Digest of a chunk that is all zeros. */
export const zeroDigest = '0'

/** The digest of a chunk's bytes: SHA-256. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url')
}

/** A chunk's number and digest; no digest: it has to be copied again. */
export type JournalEntry = readonly [index: number, digest: string | null]

/** An open journal. Its file is a header line and lines of entries, each with a check sum. */
export class Journal {
  readonly path: string
  readonly header: JournalHeader
  /** Digests of the chunks that are durable in TO. */
  readonly digests = new Map<number, string>()
  readonly #file: FileHandle

  private constructor(file: FileHandle, path: string, header: JournalHeader) {
    this.#file = file
    this.path = path
    this.header = header
  }

  /** The journal at `file` as it was left, undefined where there is none. Refuses another file. */
  static async load(file: string): Promise<Journal | undefined> {
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw journalError(file, error)
    }
    const { header, entries, validBytes } = parse(text)
    // A journal is made with its header in it, so this is something that is not ours to replace.
    if (header === undefined) throw noJournal(file)
    try {
      const handle = await open(file, 'r+')
      // The next line must not be added to half a line.
      await handle.truncate(validBytes)
      await handle.close()
      const journal = new Journal(await open(file, 'a'), file, header)
      journal.#take(entries)
      return journal
    } catch (error) {
      throw journalError(file, error)
    }
  }

  /** Makes a new journal, in place of one that may be there; durable when it resolves. */
  static async create(file: string, header: JournalHeader): Promise<Journal> {
    const directory = path.dirname(file)
    const draft = `${file}.${process.pid}`
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const handle = await open(draft, 'w', 0o600)
      await handle.writeFile(line(header))
      await handle.sync()
      await handle.close()
      await rename(draft, file)
      await syncDirectory(directory)
      return new Journal(await open(file, 'a'), file, header)
    } catch (error) {
      await unlink(draft).catch(() => undefined)
      throw journalError(file, error)
    }
  }

  /** Adds entries; durable when it resolves. */
  async append(entries: readonly JournalEntry[]): Promise<void> {
    if (entries.length === 0) return
    try {
      await this.#file.appendFile(line(entries))
      await this.#file.datasync()
    } catch (error) {
      throw journalError(this.path, error)
    }
    this.#take(entries)
  }

  /** Closes the file and leaves it for the next run. */
  async close(): Promise<void> {
    await this.#file.close()
  }

  /** The copy is done: closes the file and removes it. */
  async remove(): Promise<void> {
    await this.#file.close()
    await unlink(this.path).catch(() => undefined)
  }

  #take(entries: readonly JournalEntry[]): void {
    for (const [index, digest] of entries) {
      if (digest === null) this.digests.delete(index)
      else this.digests.set(index, digest)
    }
  }
}

function line(content: unknown): string {
  const json = JSON.stringify(content)
  return `${json} ${checkSum(json)}\n`
}

function checkSum(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, 16)
}

/** Reads up to the first line that is not whole. */
function parse(text: string): {
  header: JournalHeader | undefined
  entries: JournalEntry[]
  validBytes: number
} {
  const entries: JournalEntry[] = []
  let header: JournalHeader | undefined
  let validLength = 0
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    const content = end < 0 ? undefined : parseLine(text.slice(start, end))
    if (content === undefined) break
    if (header === undefined) {
      if (!isHeader(content)) break
      header = content
    } else if (Array.isArray(content)) {
      for (const entry of content as JournalEntry[]) entries.push(entry)
    }
    validLength = end + 1
    start = end + 1
  }
  return { header, entries, validBytes: Buffer.byteLength(text.slice(0, validLength)) }
}

function parseLine(text: string): unknown {
  const space = text.lastIndexOf(' ')
  const json = text.slice(0, space)
  return space > 0 && text.slice(space + 1) === checkSum(json) ? JSON.parse(json) : undefined
}

function isHeader(content: unknown): content is JournalHeader {
  return content !== null && typeof content === 'object' && 'format' in content
    ? content.format === 'umap-cp-1'
    : false
}

// The name of a new file is durable only when its directory is (fsync(2), notes).
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r')
    await handle.sync().finally(() => handle.close())
  } catch {
    // Not everywhere can a directory be opened or synced; there is no other way then.
  }
}

function noJournal(file: string): CopyError {
  return new CopyError(`${file} is there, and is no journal of umap cp`, {
    code: copyErrorCodes.journal,
    wayOut: 'remove it, or name another file with --journal',
  })
}

function journalError(file: string, error: unknown): CopyError {
  const message = error instanceof Error ? error.message : String(error)
  return new CopyError(`the journal ${file} cannot be kept: ${message}`, {
    code: copyErrorCodes.journal,
    wayOut: '--journal FILE keeps it elsewhere',
    cause: error,
  })
}
