// The ways in which the engine may take faults: each is a contender of its own.
import type { Switches } from './switches.ts'

/** A way of taking faults, as `--faults` of the C++ programs names it. */
export type Way = (typeof ways)[number]

/** All of them. */
export const ways = ['userfaultfd', 'userfaultfd-user-mode', 'signal', 'in-thread'] as const

/** The switches that choose our side, and the way. */
export function waySwitches(way: Way): Switches {
  return { memory: 'engine', faults: way }
}
