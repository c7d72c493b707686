// Buffers that are used again: fresh memory costs more than copying into it. One thread.

const keptBytesMax = 32 * 2 ** 20

/** Lends buffers; keeps up to 32 MiB of those that came back. */
export class BufferPool {
  #kept: Uint8Array[] = []
  #keptBytes = 0

  /** A buffer of `byteLength` bytes, with anything in it. */
  take(byteLength: number): Uint8Array {
    // Not one that is far too large: few large calls must not keep small ones from being served.
    const index = this.#kept.findIndex(
      (kept) => kept.byteLength >= byteLength && kept.byteLength <= 2 * byteLength,
    )
    if (index < 0) {
      return new Uint8Array(byteLength)
    }
    const [found] = this.#kept.splice(index, 1) as [Uint8Array]
    this.#keptBytes -= found.byteLength
    return found.subarray(0, byteLength)
  }

  /** Takes back what `take` lent; nobody may use it any more. */
  giveBack(buffer: Uint8Array): void {
    const whole = new Uint8Array(buffer.buffer)
    if (whole.byteLength > keptBytesMax) {
      return
    }
    this.#kept.push(whole)
    this.#keptBytes += whole.byteLength
    // The oldest go first: the sizes that are asked for may have changed.
    while (this.#keptBytes > keptBytesMax) {
      this.#keptBytes -= (this.#kept.shift() as Uint8Array).byteLength
    }
  }
}
