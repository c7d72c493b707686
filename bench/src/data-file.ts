// The file that all contenders read: made once in the temporary directory, unlinked at once, so
// that it is gone however the benchmark ends, and reached by the descriptor that keeps it.
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from './measured-program.ts'

/** What a scan of the file must find. */
export interface ScanSums {
  /** Of the C++ programs; more than a float64 holds. */
  readonly checksum: string
  /** Of the values as float64. */
  readonly sum: number
}

/** The data file, and its state in the page cache. */
export class DataFile {
  /** A path that works in child processes while this process lives. */
  readonly path: string
  readonly byteLength: number
  readonly #fd: number
  readonly #program: string
  readonly #signal: AbortSignal
  #sums: (ScanSums & { byteLength: number }) | undefined

  private constructor(fd: number, byteLength: number, program: string, signal: AbortSignal) {
    this.#fd = fd
    this.path = `/proc/${process.pid}/fd/${fd}`
    this.byteLength = byteLength
    this.#program = program
    this.#signal = signal
  }

  /** Makes it with the C++ programs' `write-data`; says so in one line where there is no room. */
  static async make(byteLength: number, program: string, signal: AbortSignal): Promise<DataFile> {
    const parent = tmpdir()
    const { bavail, bsize } = statfsSync(parent)
    if (bavail * bsize < byteLength + 2 ** 28) {
      const needed = Math.ceil(byteLength / 2 ** 20) + 256
      throw new Error(`${parent} has less than ${needed} MiB free: set TMPDIR to another directory`)
    }
    const directory = mkdtempSync(join(parent, 'umap-bench-'))
    const fd = openSync(join(directory, 'data'), 'wx+')
    rmSync(directory, { recursive: true })
    const file = new DataFile(fd, byteLength, program, signal)
    try {
      await file.#run('write-data', byteLength)
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
    return file
  }

  /** Takes the file out of the page cache; false where some of it stays. */
  async drop(): Promise<boolean> {
    const { cachedPages } = await this.#run('drop-cache', this.byteLength)
    return cachedPages === 0
  }

  /** Puts all of the file into the page cache, charged to this process's cgroup. */
  async warm(): Promise<void> {
    await this.#run('warm-cache', this.byteLength)
  }

  /** What a scan of the first `byteLength` bytes must find. */
  async sumsOf(byteLength: number): Promise<ScanSums> {
    if (this.#sums?.byteLength !== byteLength) {
      const { checksum, sum } = await this.#run('checksum', byteLength)
      this.#sums = { byteLength, checksum: String(checksum), sum: Number(sum) }
    }
    return this.#sums
  }

  /** Frees the disk space. */
  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  #run(name: string, byteLength: number): Promise<Record<string, unknown>> {
    const args = [name, '--file', this.path, '--file-bytes', String(byteLength)]
    return runProgram({ file: this.#program, args, signal: this.#signal })
  }
}
