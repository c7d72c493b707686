// Locks on ranges of blocks, first come, first served: a block is filled, or written, by one call
// at a time, also where several pages of the engine share it. One thread.

interface Holder {
  readonly first: number
  readonly last: number
  granted: boolean
  grant(): void
}

/** Exclusive locks on ranges. */
export class RangeLocks {
  // In the order of arrival. There are as many as calls in flight, so a search is cheap.
  readonly #holders = new Set<Holder>()

  /**
   * Resolves to the function that unlocks, once nobody who came before holds a block from `first`
   * to `last`. Rejects with the signal's reason where it is aborted before that.
   */
  acquire(first: number, last: number, signal?: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const release = () => this.#remove(holder)
      const abort = () => {
        release()
        reject(signal?.reason)
      }
      const holder: Holder = {
        first,
        last,
        granted: false,
        grant: () => {
          holder.granted = true
          signal?.removeEventListener('abort', abort)
          resolve(release)
        },
      }
      const blocked = this.#isBlocked(holder)
      this.#holders.add(holder)
      if (blocked) {
        signal?.addEventListener('abort', abort)
      } else {
        holder.grant()
      }
    })
  }

  #remove(holder: Holder): void {
    this.#holders.delete(holder)
    for (const waiting of this.#holders) {
      if (!waiting.granted && !this.#isBlocked(waiting)) {
        waiting.grant()
      }
    }
  }

  #isBlocked(holder: Holder): boolean {
    for (const before of this.#holders) {
      if (before === holder) {
        return false
      }
      if (before.first <= holder.last && holder.first <= before.last) {
        return true
      }
    }
    return false
  }
}
