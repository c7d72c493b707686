// Takes turns: calls that concern the same page run one after the other, in order, and a call that
// must be alone waits for all others and keeps later ones waiting.

/** The turns of one store. */
export class Turns {
  /** The end of the queue of each page that is in use. */
  #queues = /** @type {Map<number, Promise<unknown>>} */ (new Map())
  #alone = /** @type {Promise<unknown>} */ (Promise.resolve())

  /**
   * @template T
   * @param {number} page
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  inTurn(page, call) {
    const before = this.#queues.get(page) ?? this.#alone
    const turn = before.then(call)
    const end = turn.catch(() => undefined)
    this.#queues.set(page, end)
    // The last one in a queue takes it away, so that pages which rest cost nothing.
    end.then(() => {
      if (this.#queues.get(page) === end) this.#queues.delete(page)
    })
    return turn
  }

  /**
   * @template T
   * @param {() => T | Promise<T>} call
   * @returns {Promise<T>}
   */
  alone(call) {
    const before = Promise.all([this.#alone, ...this.#queues.values()])
    const turn = before.then(call)
    const end = turn.then(
      () => undefined,
      () => undefined,
    )
    this.#alone = end
    // Whoever comes for a page from now on comes after this.
    this.#queues.clear()
    return turn
  }
}
