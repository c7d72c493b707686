// Shows how far a copy is, with rate and time left: a bar on a terminal, else a plain line now and
// then. Writes to standard error only.

import cliProgress from 'cli-progress'
import { formatBytes } from '../amounts.ts'
import { formatDuration } from '../durations.ts'
import type { OutputStream } from '../run.ts'

/** What a progress display is told. */
export interface Progress {
  begin(phase: string, doneBytes: number, totalBytes: number): void
  advance(bytes: number): void
  /** Takes the bar away, so that what is written next stands on a line of its own. */
  end(): void
}

const lineIntervalMs = 5000
const rateWindowMs = 8000

/** A display that suits `stream`. */
export function makeProgress(stream: OutputStream): Progress {
  // The bar needs a stream of Node, with its cursor and its size.
  const isTerminal = stream.isTTY === true && 'columns' in stream
  return new PhaseProgress(
    isTerminal ? barDisplay(stream as unknown as NodeJS.WriteStream) : lineDisplay(stream),
  )
}

/** A display that shows nothing. */
export const noProgress: Progress = { begin() {}, advance() {}, end() {} }

/** What is shown at one moment. */
interface Moment {
  readonly phase: string
  readonly doneBytes: number
  readonly totalBytes: number
  /** Left out as long as there is nothing to go by. */
  readonly rate?: string
  readonly left?: string
}

interface Display {
  start(moment: Moment): void
  update(moment: Moment): void
  stop(): void
}

class PhaseProgress implements Progress {
  readonly #display: Display
  #phase = ''
  #doneBytes = 0
  #totalBytes = 0
  #rate = new Rate()
  #isShown = false

  constructor(display: Display) {
    this.#display = display
  }

  begin(phase: string, doneBytes: number, totalBytes: number): void {
    this.end()
    this.#phase = phase
    this.#doneBytes = doneBytes
    this.#totalBytes = totalBytes
    this.#rate = new Rate()
    this.#isShown = true
    this.#display.start(this.#moment())
  }

  advance(bytes: number): void {
    this.#doneBytes += bytes
    this.#rate.add(bytes)
    this.#display.update(this.#moment())
  }

  end(): void {
    if (this.#isShown) this.#display.stop()
    this.#isShown = false
  }

  #moment(): Moment {
    const perSecond = this.#rate.bytesPerSecond()
    const leftBytes = this.#totalBytes - this.#doneBytes
    return {
      phase: this.#phase,
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      ...(perSecond !== undefined && {
        rate: `${formatBytes(Math.round(perSecond))}/s`,
        left: `${formatDuration(leftBytes / perSecond)} left`,
      }),
    }
  }
}

/** Bytes a second over the last few seconds, so that a change of speed shows soon. */
class Rate {
  readonly #samples: { readonly ms: number; readonly bytes: number }[] = []
  readonly #startMs = performance.now()
  #windowBytes = 0

  add(bytes: number): void {
    const ms = performance.now()
    this.#samples.push({ ms, bytes })
    this.#windowBytes += bytes
    while (this.#samples[0] !== undefined && this.#samples[0].ms < ms - rateWindowMs) {
      this.#windowBytes -= this.#samples.shift()?.bytes ?? 0
    }
  }

  bytesPerSecond(): number | undefined {
    const spanMs = Math.min(performance.now() - this.#startMs, rateWindowMs)
    return this.#windowBytes === 0 || spanMs < 200 ? undefined : this.#windowBytes / (spanMs / 1000)
  }
}

function formatMoment({ doneBytes, totalBytes, rate, left }: Moment): string {
  const done = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
  return [done, rate, left].filter((part) => part !== undefined).join(', ')
}

function barDisplay(stream: NodeJS.WriteStream): Display {
  const bar = new cliProgress.SingleBar({
    stream,
    format: '{phase} [{bar}] {percentage} % {text}',
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    barsize: 24,
    fps: 5,
    clearOnComplete: true,
    // The command itself knows what an interruption means.
    gracefulExit: false,
  })
  const payload = (moment: Moment) => ({ phase: moment.phase, text: formatMoment(moment) })
  return {
    start: (moment) => bar.start(moment.totalBytes, moment.doneBytes, payload(moment)),
    update: (moment) => bar.update(moment.doneBytes, payload(moment)),
    stop: () => bar.stop(),
  }
}

function lineDisplay(stream: OutputStream): Display {
  let lastMs = performance.now()
  const write = (moment: Moment) => {
    const { phase, doneBytes, totalBytes } = moment
    const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100)
    stream.write(`${phase}: ${percent} %, ${formatMoment(moment)}\n`)
    lastMs = performance.now()
  }
  return {
    start: write,
    update: (moment) => {
      if (performance.now() - lastMs >= lineIntervalMs) write(moment)
    },
    stop: () => {},
  }
}
