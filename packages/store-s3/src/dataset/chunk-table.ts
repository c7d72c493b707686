// Which object holds which chunk: eight bytes a chunk, so that a data set of hundreds of thousands
// of chunks costs a few megabytes. Pure memory; never talks to the server.

/** Names a chunk object: the opening that wrote it, and the number that it gave it, from 1 on. */
export interface ChunkName {
  readonly session: string
  readonly sequence: number
}

/** Short numbers for sessions, shared by all tables of one opening. 0 stands for a hole. */
export class SessionNames {
  readonly #names: string[] = ['']
  readonly #numbers = new Map<string, number>()

  /** The number of a session; the same one for the same name. */
  numberOf(session: string): number {
    let number = this.#numbers.get(session)
    if (number === undefined) {
      number = this.#names.length
      this.#names.push(session)
      this.#numbers.set(session, number)
    }
    return number
  }

  /** The session of a number that `numberOf` gave. */
  nameOf(number: number): string {
    return this.#names[number] as string
  }
}

/** A chunk object or, undefined, a hole, for each chunk of a data set. */
export class ChunkTable {
  readonly chunkCount: number
  readonly #names: SessionNames
  readonly #sessions: Uint32Array
  readonly #sequences: Uint32Array

  /** All holes. */
  constructor(names: SessionNames, chunkCount: number) {
    this.chunkCount = chunkCount
    this.#names = names
    this.#sessions = new Uint32Array(chunkCount)
    this.#sequences = new Uint32Array(chunkCount)
  }

  get(chunk: number): ChunkName | undefined {
    const session = this.#sessions[chunk] as number
    return session === 0
      ? undefined
      : { session: this.#names.nameOf(session), sequence: this.#sequences[chunk] as number }
  }

  set(chunk: number, name: ChunkName | undefined): void {
    this.#sessions[chunk] = name === undefined ? 0 : this.#names.numberOf(name.session)
    this.#sequences[chunk] = name?.sequence ?? 0
  }

  /** Whether `chunk` is the same object, or a hole, in both tables of one opening. */
  isSame(chunk: number, other: ChunkTable): boolean {
    return (
      this.#sessions[chunk] === other.#sessions[chunk] &&
      this.#sequences[chunk] === other.#sequences[chunk]
    )
  }

  copy(): ChunkTable {
    const copy = new ChunkTable(this.#names, this.chunkCount)
    copy.#sessions.set(this.#sessions)
    copy.#sequences.set(this.#sequences)
    return copy
  }
}

/** One text for one object, to be used as a key. */
export function chunkKey({ session, sequence }: ChunkName): string {
  return `${session}/${sequence.toString(16).padStart(8, '0')}`
}

/** Whether both are holes or name the same object. */
export function isSameChunk(a: ChunkName | undefined, b: ChunkName | undefined): boolean {
  return a?.session === b?.session && a?.sequence === b?.sequence
}
