// Which fault a call meets: follows from the seed, the kind of call and its number alone, so that
// a run can be repeated. No state, no randomness of its own.

import { hashWords } from '../random.ts'
import {
  type CheckedFaultOptions,
  type FaultKind,
  type FaultyCall,
  faultsOf,
  faultyCalls,
} from './fault-options.ts'

/** What a call meets. */
export interface FaultDecision {
  /** Undefined: the call works. */
  readonly fault: Exclude<FaultKind, 'delay'> | undefined
  readonly delayMs: number
  readonly retryable: boolean
  readonly code: string
  /** From 0 up to 1: where a short or torn call is cut. */
  readonly cut: number
  /** Decides which pieces of a torn write are written. */
  readonly salt: number
}

/** The code of errors that nobody has named. */
export const faultyStoreCode = 'FAULTY_STORE'

/** Decides on the call number `number` (from 1 on) of its kind. */
export function decideFaults(
  options: CheckedFaultOptions,
  call: FaultyCall,
  number: number,
): FaultDecision {
  const share = (purpose: number) =>
    hashWords(options.seed, faultyCalls.indexOf(call), number, purpose) / 2 ** 32
  const basis = { cut: share(3), salt: Math.floor(share(4) * 2 ** 32), code: faultyStoreCode }
  const steps = options.script.filter(
    (step) =>
      step.call === call && number >= step.number && number < step.number + (step.times ?? 1),
  )
  const delay = steps.find(({ fault }) => fault === 'delay')
  const scripted = steps.find(({ fault }) => fault !== 'delay')
  const rates = options.rates[call] ?? {}
  const delayMs =
    delay !== undefined
      ? (delay.delayMs ?? share(2) * options.delayMsMax)
      : share(1) < (rates.delay ?? 0)
        ? share(2) * options.delayMsMax
        : 0
  if (scripted !== undefined) {
    return {
      ...basis,
      fault: scripted.fault as FaultDecision['fault'],
      delayMs,
      retryable: scripted.retryable ?? true,
      code: scripted.code ?? faultyStoreCode,
    }
  }
  const retryable = share(5) < options.retryableShare
  return { ...basis, fault: pickByRate(rates, call, share(6)), delayMs, retryable }
}

// One draw for all faults of a call: their rates are shares of the calls, and add up.
function pickByRate(
  rates: { readonly [K in FaultKind]?: number },
  call: FaultyCall,
  draw: number,
): FaultDecision['fault'] {
  let limit = 0
  for (const fault of faultsOf[call]) {
    if (fault !== 'delay') {
      limit += rates[fault] ?? 0
      if (draw < limit) {
        return fault
      }
    }
  }
  return undefined
}
