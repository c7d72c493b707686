// How many retries a client may spend: a share of what succeeded, so that a server in trouble is
// not given a multiple of the load that troubles it. Idea: retry budgets of Finagle, and the
// retry quota of the AWS SDKs. One thread.

/** Retries that are there at the start, and at most. */
export const retryBudgetMax = 64
/** Retries that one success earns. */
export const retryBudgetEarned = 0.1

/** A bucket of retries: each retry takes one, each success puts a tenth back. */
export class RetryBudget {
  #left = retryBudgetMax

  /** Whole retries that are left. */
  get left(): number {
    return Math.floor(this.#left)
  }

  /** Takes one retry; false when there is none. */
  take(): boolean {
    if (this.#left < 1) {
      return false
    }
    this.#left -= 1
    return true
  }

  /** A request succeeded. */
  earn(): void {
    this.#left = Math.min(retryBudgetMax, this.#left + retryBudgetEarned)
  }
}
