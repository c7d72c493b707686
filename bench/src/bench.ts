// What the scenarios share: the data file, the sizes, and how a contender is started under the
// memory limit that it should have.
import { join } from 'node:path'
import type { DataFile } from './data-file.ts'
import { runProgram } from './measured-program.ts'
import { type CgroupPlaces, findCgroupPlaces, MemoryCgroup } from './memory-cgroup.ts'
import type { Contender, Figures } from './rounds.ts'
import { nativeProgramBytes, nodeProgramBytes, type Sizes } from './sizes.ts'

/** How the file is before each run. */
export type CacheState = 'cold' | 'warm'

/** One contender of a scenario. */
export interface ContenderOptions<Name extends string> {
  readonly name: Name
  /** The program: of the C++ binary, or of src/node/ */
  readonly program: string
  readonly args: readonly string[]
  readonly cache: CacheState
  /** Whether the kernel manages its memory, so that a cgroup has to limit it. */
  readonly isLimited: boolean
}

/** What a benchmark is made with. */
export interface BenchOptions {
  readonly sizes: Sizes
  readonly runs: number
  readonly dataFile: DataFile
  readonly nativeProgram: string
  readonly signal: AbortSignal
  readonly print: (line: string) => void
}

/** A run of the benchmark. */
export class Bench {
  readonly sizes: Sizes
  readonly runs: number
  readonly dataFile: DataFile
  readonly #nativeProgram: string
  readonly #signal: AbortSignal
  readonly #print: (line: string) => void
  readonly #cgroupPlaces: CgroupPlaces | undefined = findCgroupPlaces()
  readonly #said = new Set<string>()
  readonly #isLimiting: boolean
  #cgroupCount = 0

  constructor(options: BenchOptions) {
    this.sizes = options.sizes
    this.runs = options.runs
    this.dataFile = options.dataFile
    this.#nativeProgram = options.nativeProgram
    this.#signal = options.signal
    this.#print = options.print
    this.#isLimiting = this.#canLimit()
    if (!this.#isLimiting) {
      this.#sayOnce('no memory cgroup can be made (it takes root): mmap has all of the memory')
    }
  }

  /** What to add to the name of a case whose rival ought to be limited. */
  get limitMark(): string {
    return this.#isLimiting ? '' : ', rival without memory limit'
  }

  /** A contender of the C++ binary. */
  native<Name extends string>(options: ContenderOptions<Name>): Contender<Name> {
    const args = [options.program, '--file', this.dataFile.path, ...options.args]
    return this.#contender(options, this.#nativeProgram, args, nativeProgramBytes)
  }

  /** A contender under Node: a program of src/node/. */
  node<Name extends string>(options: ContenderOptions<Name>): Contender<Name> {
    const file = join(import.meta.dirname, 'node', `${options.program}.js`)
    const args = [file, '--file', this.dataFile.path, ...options.args]
    return this.#contender(options, process.execPath, args, nodeProgramBytes)
  }

  #contender<Name extends string>(
    { name, cache, isLimited }: ContenderOptions<Name>,
    file: string,
    args: readonly string[],
    programBytes: number,
  ): Contender<Name> {
    const run = async (): Promise<Figures> => {
      if (cache === 'warm') {
        await this.dataFile.warm()
      } else if (!(await this.dataFile.drop())) {
        this.#sayOnce('some of the file stays in the page cache: cold runs are not all cold')
      }
      const cgroup = isLimited ? this.#makeCgroup(this.sizes.bufferBytes + programBytes) : undefined
      try {
        const more = cgroup === undefined ? [] : ['--cgroup', cgroup.procs]
        const figures = await runProgram({ file, args: [...args, ...more], signal: this.#signal })
        return figures as Figures
      } finally {
        cgroup?.remove()
      }
    }
    return { name, run }
  }

  #makeCgroup(bytes: number): MemoryCgroup | undefined {
    const name = `umap-bench-${process.pid}-${this.#cgroupCount++}`
    return MemoryCgroup.make(this.#cgroupPlaces, name, bytes)
  }

  #canLimit(): boolean {
    const cgroup = this.#makeCgroup(this.sizes.bufferBytes)
    cgroup?.remove()
    return cgroup !== undefined
  }

  #sayOnce(line: string): void {
    if (!this.#said.has(line)) this.#print(`note: ${line}`)
    this.#said.add(line)
  }
}
