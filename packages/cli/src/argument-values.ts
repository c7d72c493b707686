// Reads values of options, and puts what `parseArgs` says into our form. Pure.

import { UsageError } from './usage-error.ts'

/** Runs `parse`; what it throws becomes a UsageError. */
export function explainFailure<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    // Node's messages name the argument in their first sentence; advice follows that does not fit
    // us.
    const message = error instanceof Error ? error.message : String(error)
    const [sentence = message] = message.split('. ')
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1), { cause: error })
  }
}

/** A whole number from 1 on; undefined where the option is not given. */
export function readCount(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const count = Number(value)
  if (/^\d+$/.test(value) && Number.isSafeInteger(count) && count >= 1) return count
  throw new UsageError(`option '${option}' must be a whole number from 1 on, not '${value}'`)
}
