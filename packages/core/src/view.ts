// Typed arrays, DataViews and Buffers over a part of a region. Pure; any thread.

import { checkInteger } from './check.ts'

/** Every constructor of a typed array that {@link createView} takes. */
export type TypedArrayConstructor =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor

/** What `Region.view` takes as its first argument. */
export type ViewConstructor = TypedArrayConstructor | DataViewConstructor | typeof Buffer

/** The view that `Region.view` makes with a constructor. */
export type ViewOf<C extends ViewConstructor> = C extends typeof Buffer
  ? Buffer
  : C extends abstract new (
        ...args: never[]
      ) => infer V
    ? V
    : never

type AnyViewConstructor = new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
) => unknown

/**
 * A view of `length` elements (bytes for DataView and Buffer) at `byteOffset`; to the end of the
 * buffer where `length` is left out. Subclasses of the constructors work as well.
 *
 * Throws a `TypeError` or `RangeError` that names the argument.
 */
export function createView<C extends ViewConstructor>(
  buffer: ArrayBufferLike,
  ctor: C,
  byteOffset: number = 0,
  length?: number,
): ViewOf<C> {
  const elementBytes = elementBytesOf(ctor)
  checkInteger(byteOffset, 'byteOffset', 0, Number.MAX_SAFE_INTEGER)
  if (byteOffset > buffer.byteLength) {
    throw new RangeError(
      `byteOffset ${byteOffset} is outside a region of ${buffer.byteLength} bytes`,
    )
  }
  if (byteOffset % elementBytes !== 0) {
    throw new RangeError(
      `byteOffset ${byteOffset} is misaligned: ${ctor.name} needs a multiple of ${elementBytes}`,
    )
  }
  const count = elementCount(buffer.byteLength - byteOffset, elementBytes, ctor.name, length)
  if (isBufferConstructor(ctor)) {
    return Buffer.from(buffer as ArrayBuffer, byteOffset, count) as ViewOf<C>
  }
  return new (ctor as AnyViewConstructor)(buffer, byteOffset, count) as ViewOf<C>
}

function elementCount(
  restBytes: number,
  elementBytes: number,
  name: string,
  length: number | undefined,
): number {
  if (length === undefined) {
    if (restBytes % elementBytes !== 0) {
      throw new RangeError(
        `length must be given: the ${restBytes} bytes up to the end of the region are no whole ` +
          `number of ${elementBytes}-byte elements of ${name}`,
      )
    }
    return restBytes / elementBytes
  }
  checkInteger(length, 'length', 0, Number.MAX_SAFE_INTEGER)
  if (length > restBytes / elementBytes) {
    throw new RangeError(
      `length ${length} reaches outside the region: there is room for ` +
        `${Math.floor(restBytes / elementBytes)} elements of ${name}`,
    )
  }
  return length
}

function elementBytesOf(ctor: unknown): number {
  if (typeof ctor === 'function') {
    const { prototype } = ctor as { prototype?: unknown }
    if (ctor === DataView || prototype instanceof DataView || isBufferConstructor(ctor)) {
      return 1
    }
    const { BYTES_PER_ELEMENT } = ctor as { BYTES_PER_ELEMENT?: unknown }
    if (typeof BYTES_PER_ELEMENT === 'number') {
      return BYTES_PER_ELEMENT
    }
  }
  throw new TypeError('ctor must be the constructor of a typed array, DataView or Buffer')
}

// `new Buffer` is deprecated and warns; Buffer.from() makes the same view.
function isBufferConstructor(ctor: unknown): boolean {
  return ctor === Buffer
}
