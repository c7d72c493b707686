// The chunks as this opening sees them: those of the manifest that it is at, and over them what it
// has uploaded since. Remembers which objects it replaced before any manifest named them.

import { type ChunkName, type ChunkTable, isSameChunk } from './chunk-table.ts'
import type { JournalRecord, StagingJournal } from './staging-journal.ts'

/** A chunk table that knows in what it differs from the manifest's. */
export class ChunkView {
  readonly #session: string
  readonly #ownSessions: Set<string>
  readonly #journal: StagingJournal | undefined
  readonly #table: ChunkTable
  readonly #changed = new Set<number>()
  #committed: ChunkTable
  #lastSequence = 0

  /** What is replaced is told to `journal`. */
  constructor(committed: ChunkTable, session: string, journal: StagingJournal | undefined) {
    this.#session = session
    this.#ownSessions = new Set([session])
    this.#journal = journal
    this.#committed = committed
    this.#table = committed.copy()
  }

  /** The object that holds `chunk`, undefined for a hole. */
  get(chunk: number): ChunkName | undefined {
    return this.#table.get(chunk)
  }

  /** Chunks that are not as in the manifest. */
  get changed(): ReadonlySet<number> {
    return this.#changed
  }

  /** The number of the newest object of this opening. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Sessions whose objects are this writer's: of this opening, and of those that it goes on from. */
  get ownSessions(): ReadonlySet<string> {
    return this.#ownSessions
  }

  /** Goes back to where an earlier opening was. */
  restore(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (record[0] === 'object') {
        const [, chunk, session, sequence] = record
        this.#ownSessions.add(session)
        this.#table.set(chunk, { session, sequence })
        this.#note(chunk)
      } else if (record[0] === 'hole') {
        this.#table.set(record[1], undefined)
        this.#note(record[1])
      }
    }
  }

  /** What `restore` needs. */
  records(): JournalRecord[] {
    return [...this.#changed].map((chunk) => recordOf(chunk, this.#table.get(chunk)))
  }

  /** A name for a new object. */
  newName(): ChunkName {
    this.#lastSequence += 1
    return { session: this.#session, sequence: this.#lastSequence }
  }

  /** Puts `name`, or a hole, in place of `chunk`. Returns an own object that nothing names now. */
  replace(chunk: number, name: ChunkName | undefined): ChunkName | undefined {
    const before = this.#table.get(chunk)
    this.#journal?.append(recordOf(chunk, name))
    const isOwn = before !== undefined && this.#ownSessions.has(before.session)
    this.#table.set(chunk, name)
    this.#note(chunk)
    return isOwn && !isSameChunk(before, this.#committed.get(chunk)) ? before : undefined
  }

  /** A table that does not change any more. */
  snapshot(): ChunkTable {
    return this.#table.copy()
  }

  /** `committed` is the manifest's table now. */
  commit(committed: ChunkTable): void {
    this.#committed = committed
    for (let chunk = 0; chunk < committed.chunkCount; chunk++) {
      this.#note(chunk)
    }
  }

  /** Own objects that no manifest names which this opening knows of. */
  uncommitted(): ChunkName[] {
    return [...this.#changed].flatMap((chunk) => {
      const name = this.#table.get(chunk)
      return name !== undefined && this.#ownSessions.has(name.session) ? [name] : []
    })
  }

  #note(chunk: number): void {
    if (this.#table.isSame(chunk, this.#committed)) {
      this.#changed.delete(chunk)
    } else {
      this.#changed.add(chunk)
    }
  }
}

function recordOf(chunk: number, name: ChunkName | undefined): JournalRecord {
  return name === undefined ? ['hole', chunk] : ['object', chunk, name.session, name.sequence]
}
