// A file that contenders read or write: made in the temporary directory, unlinked at once, so that
// it is gone however the benchmark ends, and reached by the descriptor that keeps it.
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from './measured-program.ts'
import { type Switches, switchesOf } from './switches.ts'

/** What a scan of the file must find. */
export interface ScanSums {
  /** Of the C++ programs; more than a float64 holds. */
  readonly checksum: string
  /** Of the values as float64. */
  readonly sum: number
}

/** What a file is made with. */
export interface DataFileOptions {
  /** The size that it may come to have, for which there must be room; 0: it stays sparse. */
  readonly byteLength: number
  /** The C++ program that writes what is in it. */
  readonly writer?: 'write-data'
  /** Whether it lies in memory (tmpfs) where there is such a place, so that no disk is measured. */
  readonly inMemory?: boolean
  readonly nativeProgram: string
  readonly signal: AbortSignal
}

const memoryDirectory = '/dev/shm'

/** A file, and its state in the page cache. */
export class DataFile {
  /** A path that works in child processes while this process lives. */
  readonly path: string
  readonly #fd: number
  readonly #program: string
  readonly #signal: AbortSignal
  #sums: (ScanSums & { byteLength: number }) | undefined

  private constructor(fd: number, { nativeProgram, signal }: DataFileOptions) {
    this.#fd = fd
    this.path = `/proc/${process.pid}/fd/${fd}`
    this.#program = nativeProgram
    this.#signal = signal
  }

  /** Makes it; says so in one line where there is no room. */
  static async make(options: DataFileOptions): Promise<DataFile> {
    const { byteLength, writer, inMemory = false } = options
    const parent = inMemory && existsSync(memoryDirectory) ? memoryDirectory : tmpdir()
    const { bavail, bsize } = statfsSync(parent)
    if (bavail * bsize < byteLength + 2 ** 28) {
      const needed = Math.ceil(byteLength / 2 ** 20) + 256
      throw new Error(`${parent} has less than ${needed} MiB free: set TMPDIR to another directory`)
    }
    const directory = mkdtempSync(join(parent, 'umap-bench-'))
    const fd = openSync(join(directory, 'data'), 'wx+')
    rmSync(directory, { recursive: true })
    const file = new DataFile(fd, options)
    try {
      if (writer !== undefined) await file.write(writer, { 'file-bytes': byteLength })
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
    return file
  }

  /** Its size now. */
  get byteLength(): number {
    return fstatSync(this.#fd).size
  }

  /** Makes it a hole of that size. */
  clear(byteLength: number): void {
    ftruncateSync(this.#fd, 0)
    ftruncateSync(this.#fd, byteLength)
  }

  /** Has a C++ program write it. */
  write(program: string, switches: Switches): Promise<Record<string, unknown>> {
    const args = [program, '--file', this.path, ...switchesOf(switches)]
    return runProgram({ file: this.#program, args, signal: this.#signal })
  }

  /** Takes the file out of the page cache; false where some of it stays. */
  async drop(): Promise<boolean> {
    const byteLength = this.byteLength
    if (byteLength === 0) return true
    const { cachedPages } = await this.write('drop-cache', { 'file-bytes': byteLength })
    return cachedPages === 0
  }

  /** Puts all of the file into the page cache, charged to this process's cgroup. */
  async warm(): Promise<void> {
    await this.write('warm-cache', { 'file-bytes': this.byteLength })
  }

  /** What a scan of the first `byteLength` bytes must find. */
  async sumsOf(byteLength: number): Promise<ScanSums> {
    if (this.#sums?.byteLength !== byteLength) {
      const { checksum, sum } = await this.write('checksum', { 'file-bytes': byteLength })
      this.#sums = { byteLength, checksum: String(checksum), sum: Number(sum) }
    }
    return this.#sums
  }

  /** Frees the disk space. */
  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}
