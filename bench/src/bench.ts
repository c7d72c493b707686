// What the scenarios share: the data file, the sizes, and how a contender is started under the
// memory limit that it should have.
import { join } from 'node:path'
import { DataFile, type DataFileOptions } from './data-file.ts'
import { runProgram } from './measured-program.ts'
import { type CgroupPlaces, findCgroupPlaces, MemoryCgroup } from './memory-cgroup.ts'
import type { Contender, Figures } from './rounds.ts'
import { nativeProgramBytes, nodeProgramBytes, type Sizes } from './sizes.ts'
import { type Switches, switchesOf } from './switches.ts'

/** How the file is before each run: out of the page cache, or all of it in there, or as it is. */
export type CacheState = 'cold' | 'warm' | 'any'

/** One contender of a scenario. */
export interface ContenderOptions {
  readonly name: string
  /** The program: of the C++ binary, or of src/node/ */
  readonly program: string
  readonly switches: Switches
  readonly cache: CacheState
  /**
   * Where the kernel manages its memory: the bytes that a cgroup limits it to, beside what the
   * program itself needs. The page cache counts if it is read inside, so such a run starts cold.
   */
  readonly limitBytes?: number | undefined
  /** Default: the data file. */
  readonly file?: DataFile | undefined
  /** Instead of `file`: the path of something else, whose cache the scenario minds. */
  readonly path?: (() => string) | undefined
  /** Called before each run, the clock not running. */
  readonly prepare?: (() => Promise<unknown>) | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** What a benchmark is made with. */
export interface BenchOptions {
  readonly sizes: Sizes
  readonly runs: number
  readonly nativeProgram: string
  readonly signal: AbortSignal
  readonly print: (line: string) => void
}

interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly programBytes: number
}

/** A run of the benchmark. */
export class Bench {
  readonly sizes: Sizes
  readonly runs: number
  readonly nativeProgram: string
  readonly signal: AbortSignal
  readonly #print: (line: string) => void
  readonly #cgroupPlaces: CgroupPlaces | undefined = findCgroupPlaces()
  readonly #said = new Set<string>()
  readonly #isLimiting: boolean
  readonly #shared = new Map<string, Promise<AsyncDisposable>>()
  #dataFile: Promise<DataFile> | undefined
  #cgroupCount = 0

  constructor(options: BenchOptions) {
    this.sizes = options.sizes
    this.runs = options.runs
    this.nativeProgram = options.nativeProgram
    this.signal = options.signal
    this.#print = options.print
    this.#isLimiting = this.#canLimit()
    if (!this.#isLimiting) {
      this.say('no memory cgroup can be made (it takes root): rivals have all of the memory')
    }
  }

  /** Whether rivals have no more memory than they should. */
  get isLimiting(): boolean {
    return this.#isLimiting
  }

  /** Prints a note, once. */
  say(note: string): void {
    if (!this.#said.has(note)) this.#print(`note: ${note}`)
    this.#said.add(note)
  }

  /** The file of the pattern that most scenarios read; made when it is asked for first. */
  dataFile(): Promise<DataFile> {
    this.#dataFile ??= this.makeFile({ byteLength: this.sizes.fileBytes, writer: 'write-data' })
    return this.#dataFile
  }

  /** Another file; the scenario disposes of it. */
  makeFile(options: Omit<DataFileOptions, 'nativeProgram' | 'signal'>): Promise<DataFile> {
    const { nativeProgram, signal } = this
    return DataFile.make({ ...options, nativeProgram, signal })
  }

  /** What scenarios share, a server say: made when it is asked for first, gone with the benchmark. */
  shared<Resource extends AsyncDisposable>(
    name: string,
    make: () => Promise<Resource>,
  ): Promise<Resource> {
    const resource = (this.#shared.get(name) as Promise<Resource> | undefined) ?? make()
    this.#shared.set(name, resource)
    return resource
  }

  /** A memory cgroup of that size, where one can be made; whoever asked removes it. */
  makeCgroup(bytes: number): MemoryCgroup | undefined {
    const name = `umap-bench-${process.pid}-${this.#cgroupCount++}`
    return MemoryCgroup.make(this.#cgroupPlaces, name, bytes)
  }

  /** A contender of the C++ binary. */
  native(options: ContenderOptions): Contender {
    return this.#contender(options, (path) => ({
      file: this.nativeProgram,
      args: [options.program, '--file', path, ...switchesOf(options.switches)],
      programBytes: nativeProgramBytes(Number(options.switches['file-bytes'] ?? 0)),
    }))
  }

  /** A contender under Node: a program of src/node/. */
  node(options: ContenderOptions): Contender {
    const program = join(import.meta.dirname, 'node', `${options.program}.js`)
    return this.#contender(options, (path) => ({
      file: process.execPath,
      args: ['--expose-gc', program, '--file', path, ...switchesOf(options.switches)],
      programBytes: nodeProgramBytes,
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = await this.#dataFile?.catch(() => undefined)
    file?.[Symbol.dispose]()
    for (const made of this.#shared.values()) {
      const resource = await made.catch(() => undefined)
      await resource?.[Symbol.asyncDispose]()
    }
  }

  #contender(options: ContenderOptions, commandOf: (path: string) => Command): Contender {
    const { limitBytes, env } = options
    const isUnlimited = limitBytes !== undefined && !this.#isLimiting
    const run = async (): Promise<Figures> => {
      await options.prepare?.()
      const command = commandOf(await this.#preparePath(options))
      const cgroup =
        limitBytes === undefined ? undefined : this.makeCgroup(limitBytes + command.programBytes)
      try {
        const more = cgroup === undefined ? [] : ['--cgroup', cgroup.procs]
        const args = [...command.args, ...more]
        const figures = await runProgram({ file: command.file, args, env, signal: this.signal })
        return figures as Figures
      } finally {
        cgroup?.remove()
      }
    }
    return { name: `${options.name}${isUnlimited ? ', without memory limit' : ''}`, run }
  }

  async #preparePath({ path, file, cache }: ContenderOptions): Promise<string> {
    if (path !== undefined) return path()
    const chosen = file ?? (await this.dataFile())
    await this.#setCache(chosen, cache)
    return chosen.path
  }

  async #setCache(file: DataFile, cache: CacheState): Promise<void> {
    if (cache === 'warm') {
      await file.warm()
    } else if (cache === 'cold' && !(await file.drop())) {
      this.say('some of a file stays in the page cache: cold runs are not all cold')
    }
  }

  #canLimit(): boolean {
    const cgroup = this.makeCgroup(this.sizes.bufferBytes)
    cgroup?.remove()
    return cgroup !== undefined
  }
}
