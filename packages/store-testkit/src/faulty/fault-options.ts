// What faults a faulty store makes, as plain data, and the check of it at the line of the caller.

/** Calls that can meet a fault. */
export const faultyCalls = ['read', 'write', 'flush', 'discard'] as const

/** One of {@link faultyCalls}. */
export type FaultyCall = (typeof faultyCalls)[number]

/** All faults, in the order in which a report numbers them. */
export const faultKinds = ['delay', 'error', 'short', 'torn', 'lost', 'hang'] as const

/**
 * - `delay`: the call takes up to `delayMsMax` longer.
 * - `error`: rejected, without having done anything.
 * - `short`: a read or write does the first part of its range, and is rejected.
 * - `torn`: a write does some of its 512-byte pieces, not always the first ones, and is rejected.
 * - `lost`: a flush resolves, and makes nothing durable; a crash then loses what it covered.
 * - `hang`: the call settles when `FaultControl.release` is called, and then goes on.
 */
export type FaultKind = (typeof faultKinds)[number]

/** The faults that each call can meet. */
export const faultsOf: Readonly<Record<FaultyCall, readonly FaultKind[]>> = {
  read: ['delay', 'error', 'short', 'hang'],
  write: ['delay', 'error', 'short', 'torn', 'hang'],
  flush: ['delay', 'error', 'lost', 'hang'],
  discard: ['delay', 'error', 'hang'],
}

/** One line of a script: "the 3rd write tears". */
export interface FaultStep {
  readonly call: FaultyCall
  /** Counted for each kind of call, from 1 on. */
  readonly number: number
  /** How many calls in a row meet it, from `number` on. Default 1. */
  readonly times?: number
  readonly fault: FaultKind
  /** Whether the error says that another try may help. Default true. */
  readonly retryable?: boolean
  /** The code of the error. Default 'FAULTY_STORE'. */
  readonly code?: string
  /** How long a `delay` takes. Default: from the seed. */
  readonly delayMs?: number
}

/** How often faults happen by themselves, from 0 to 1, for each kind of call. */
export type FaultRates = {
  readonly [C in FaultyCall]?: { readonly [K in FaultKind]?: number }
}

/** Options of `faultyStore`. */
export interface FaultyStoreOptions {
  /** Decides, with the number of a call, which fault it meets: the same seed, the same faults. */
  readonly seed: number
  /** Default: none. */
  readonly rates?: FaultRates
  /** Goes before `rates`. */
  readonly script?: readonly FaultStep[]
  /** Share of the errors by `rates` that are retryable. Default 1. */
  readonly retryableShare?: number
  /** Longest delay by `rates`, in milliseconds. Default 20. */
  readonly delayMsMax?: number
  /**
   * Keep writes in memory until a flush that is not lost, so that a crash loses the others, as a
   * disk's cache does. Default: whether `rates` or `script` has a lost flush.
   */
  readonly volatile?: boolean
}

/** The options with their defaults: plain data. */
export type CheckedFaultOptions = Required<FaultyStoreOptions>

const optionNames: readonly string[] = [
  'seed',
  'rates',
  'script',
  'retryableShare',
  'delayMsMax',
  'volatile',
]

/** Fills in defaults. Throws a `TypeError` or `RangeError` that names the option. */
export function checkFaultOptions(options: FaultyStoreOptions): CheckedFaultOptions {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`faultyStore takes options with a seed, not ${options}`)
  }
  refuseUnknown(options, optionNames, 'faultyStore')
  const { seed, rates = {}, script = [], retryableShare = 1, delayMsMax = 20 } = options
  requireInteger('seed', seed, 0)
  requireShare('retryableShare', retryableShare)
  requireNumber('delayMsMax', delayMsMax)
  refuseUnknown(rates, faultyCalls, 'rates')
  for (const call of faultyCalls) {
    const ofCall = rates[call] ?? {}
    refuseUnknown(ofCall, faultsOf[call], `rates.${call}`)
    for (const [fault, rate] of Object.entries(ofCall)) {
      requireShare(`rates.${call}.${fault}`, rate)
    }
  }
  if (!Array.isArray(script)) {
    throw new TypeError('script must be an array of steps')
  }
  for (const [index, step] of script.entries()) {
    checkStep(step, `script[${index}]`)
  }
  const losesFlushes = (rates.flush?.lost ?? 0) > 0 || script.some(({ fault }) => fault === 'lost')
  const isVolatile = options.volatile ?? losesFlushes
  return { seed, rates, script, retryableShare, delayMsMax, volatile: isVolatile }
}

function checkStep(step: FaultStep, name: string): void {
  const known = ['call', 'number', 'times', 'fault', 'retryable', 'code', 'delayMs']
  refuseUnknown(step, known, name)
  if (!faultyCalls.includes(step.call)) {
    throw new TypeError(`${name}.call must be one of ${faultyCalls.join(', ')}, not ${step.call}`)
  }
  const faults = faultsOf[step.call]
  if (!faults.includes(step.fault)) {
    throw new TypeError(
      `${name}.fault of a ${step.call} must be one of ${faults.join(', ')}, not ${step.fault}`,
    )
  }
  requireInteger(`${name}.number`, step.number, 1)
  requireInteger(`${name}.times`, step.times ?? 1, 1)
  requireNumber(`${name}.delayMs`, step.delayMs ?? 0)
}

function refuseUnknown(value: object, known: readonly string[], where: string): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new TypeError(`${where} has no ${unknown}; it has ${known.join(', ')}`)
  }
}

function requireInteger(name: string, value: unknown, min: number): void {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) {
    throw new RangeError(`${name} must be a safe integer from ${min} on, not ${value}`)
  }
}

function requireShare(name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new RangeError(`${name} must be a number from 0 to 1, not ${value}`)
  }
}

function requireNumber(name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new RangeError(`${name} must be a number from 0 on, not ${value}`)
  }
}
