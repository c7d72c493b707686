// A directory for the files of one run: made where there is room for them, and removed again
// however the run ends, short of SIGKILL.
import { rmSync } from 'node:fs'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// TMPFS_MAGIC of statfs(2).
const tmpfsType = 0x01021994

/** A directory that lives until it is disposed of or the process exits. */
export class ScratchDirectory {
  /** Its absolute path. */
  readonly path: string
  /** True when its files take memory and not a disk. */
  readonly isInMemory: boolean
  readonly #removeAtExit: () => void

  private constructor(path: string, isInMemory: boolean) {
    this.path = path
    this.isInMemory = isInMemory
    this.#removeAtExit = () => rmSync(path, { recursive: true, force: true })
    process.once('exit', this.#removeAtExit)
  }

  /**
   * Makes a directory under `os.tmpdir()`. Throws an `Error` of one line when fewer than `bytes`
   * are free there.
   */
  static async make(bytes: number): Promise<ScratchDirectory> {
    const parent = tmpdir()
    const { bavail, bsize, type } = await statfs(parent)
    if (bavail * bsize < bytes) {
      const free = Math.floor((bavail * bsize) / 2 ** 20)
      const needed = Math.ceil(bytes / 2 ** 20)
      throw new Error(
        `${parent} has ${free} MiB free and this needs ${needed} MiB: ` +
          'set TMPDIR to a directory with more room',
      )
    }
    return new ScratchDirectory(await mkdtemp(join(parent, 'umap-demo-')), type === tmpfsType)
  }

  /** Removes the directory and what is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#removeAtExit)
    await rm(this.path, { recursive: true, force: true })
  }
}
