// Numbers as a person reads them. Pure; the same in every locale.

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** Bytes in the largest unit that leaves a number of at least 1: "64 KiB", "23.5 GiB". */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return 'unknown'
  let amount = bytes
  let index = 0
  while (amount >= 1024 && index < units.length - 1) {
    amount /= 1024
    index += 1
  }
  // One decimal where it says something: not 64.0, not 512.3.
  const digits = amount < 100 && !Number.isInteger(amount) ? 1 : 0
  return `${formatCount(Number(amount.toFixed(digits)))} ${units[index]}`
}

/** A number with its thousands apart: "65,530". */
export function formatCount(count: number | null): string {
  return count === null ? 'unknown' : count.toLocaleString('en-US')
}
