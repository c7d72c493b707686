// Command lines of the measured programs, from plain objects.

/** Switches by name, without the dashes; false leaves one out. */
export type Switches = Readonly<Record<string, string | number | boolean>>

/** The command line of `switches`. */
export function switchesOf(switches: Switches): string[] {
  return Object.entries(switches).flatMap(([name, value]) => {
    if (typeof value === 'boolean') return value ? [`--${name}`] : []
    return [`--${name}`, String(value)]
  })
}
