// All groups of conformance tests, in the order of a report: what everything else rests on is first.

import { aborting } from './groups/aborting.ts'
import { closing } from './groups/closing.ts'
import { concurrency } from './groups/concurrency.ts'
import { crashes } from './groups/crashes.ts'
import { durability } from './groups/durability.ts'
import { errors } from './groups/errors.ts'
import { holes } from './groups/holes.ts'
import { nativeDescriptor } from './groups/native-descriptor.ts'
import { opening } from './groups/opening.ts'
import { ranges } from './groups/ranges.ts'
import { readOnly } from './groups/read-only.ts'
import { reading } from './groups/reading.ts'
import { version } from './groups/version.ts'
import { writing } from './groups/writing.ts'
import type { TestGroup } from './test-case.ts'

/** Every group. */
export const conformanceGroups: readonly TestGroup[] = [
  opening,
  reading,
  writing,
  holes,
  readOnly,
  ranges,
  concurrency,
  durability,
  aborting,
  closing,
  errors,
  version,
  nativeDescriptor,
  crashes,
]
