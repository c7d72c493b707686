// Shows how far a task is: a bar that is redrawn in place on a terminal, a plain line now and then
// elsewhere, so that a log stays readable.
import { clearLine, cursorTo } from 'node:readline'

const redrawMs = 100
const lineMs = 5000
const barCells = 28

/** The progress of one task after another on one stream. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  #task = ''
  #total = 1
  #done = 0
  #startedMs = 0
  #shownMs = 0

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  /** Begins a task of `total` units. */
  start(task: string, total: number): void {
    this.#task = task
    this.#total = total
    this.#done = 0
    this.#startedMs = performance.now()
    this.#shownMs = this.#startedMs
    if (this.#stream.isTTY) this.#draw()
  }

  /** Adds units that are done. Shows them when it is time, so it may be called often. */
  advance(units: number): void {
    this.#done = Math.min(this.#done + units, this.#total)
    const now = performance.now()
    if (now - this.#shownMs < (this.#stream.isTTY ? redrawMs : lineMs)) return
    this.#shownMs = now
    if (this.#stream.isTTY) this.#draw()
    else this.#stream.write(`${this.#task}: ${this.#percent()}\n`)
  }

  /** Ends the task with one line, `outcome` in it; returns the seconds it took. */
  finish(outcome: string): number {
    const seconds = (performance.now() - this.#startedMs) / 1000
    this.clear()
    this.#stream.write(`${this.#task}: ${outcome} (${seconds.toFixed(1)} s)\n`)
    return seconds
  }

  /** Takes a bar off the screen, for other output or because the task was given up. */
  clear(): void {
    if (!this.#stream.isTTY) return
    clearLine(this.#stream, 0)
    cursorTo(this.#stream, 0)
  }

  #draw(): void {
    const filled = Math.round((this.#done / this.#total) * barCells)
    const bar = '█'.repeat(filled) + '░'.repeat(barCells - filled)
    const line = `${this.#task} ${bar} ${this.#percent()}`
    this.clear()
    this.#stream.write(line.slice(0, this.#stream.columns || 80))
  }

  #percent(): string {
    return `${Math.floor((100 * this.#done) / this.#total)} %`
  }
}
