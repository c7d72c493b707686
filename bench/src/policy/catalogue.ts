// The policies that are compared, by name. A name that ends in * is a reference line: it is told
// of every hit, which no user-space pager can be.

import { Clock, Fifo, Lru, Sieve } from './classic-policies.ts'
import type { BufferShape, Policy } from './policy.ts'
import { S3Fifo, TwoQueue } from './queue-policies.ts'
import type { Visibility } from './simulate.ts'
import {
  CHOSEN_OPTIONS,
  CHOSEN_STANDBY_SHARE,
  StandbyTwoQueue,
  type StandbyTwoQueueOptions,
} from './standby-two-queue.ts'

/** How to set up one policy for a buffer. */
export interface PolicyEntry {
  name: string
  visibility: Visibility
  standbyShare: number
  make: (shape: BufferShape) => Policy
}

type PolicyClass = new (shape: BufferShape) => Policy

function entry(
  name: string,
  policyClass: PolicyClass,
  standbyShare = 0,
  visibility: Visibility = 'faults',
): PolicyEntry {
  return { name, visibility, standbyShare, make: (shape) => new policyClass(shape) }
}

/** The candidate with some options changed. */
export function candidate(
  name: string,
  standbyShare = CHOSEN_STANDBY_SHARE,
  changes: Partial<StandbyTwoQueueOptions> = {},
): PolicyEntry {
  const options = { ...CHOSEN_OPTIONS, ...changes }
  return {
    name,
    visibility: 'faults',
    standbyShare,
    make: (shape) => new StandbyTwoQueue(shape, options),
  }
}

/** Every policy of the comparison, the chosen one last but for the reference lines. */
export const CATALOGUE: PolicyEntry[] = [
  entry('FIFO', Fifo),
  entry('2Q', TwoQueue),
  entry('S3-FIFO', S3Fifo),
  entry('FIFO + standby', Fifo, CHOSEN_STANDBY_SHARE),
  entry('CLOCK + standby', Clock, CHOSEN_STANDBY_SHARE),
  entry('SIEVE + standby', Sieve, CHOSEN_STANDBY_SHARE),
  entry('2Q + standby', TwoQueue, CHOSEN_STANDBY_SHARE),
  entry('S3-FIFO + standby', S3Fifo, CHOSEN_STANDBY_SHARE),
  candidate('chosen, uses not kept', CHOSEN_STANDBY_SHARE, { usesMax: 0 }),
  candidate('chosen'),
  entry('LRU*', Lru, 0, 'full'),
  entry('CLOCK*', Clock, 0, 'full'),
  entry('2Q*', TwoQueue, 0, 'full'),
  entry('SIEVE*', Sieve, 0, 'full'),
  entry('S3-FIFO*', S3Fifo, 0, 'full'),
]
