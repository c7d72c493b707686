// Modules as `client.module` of a store that do what careless ones do with their secrets.
const marker = process.env.MARKER

/** Throws while it makes the configuration. */
export function throwing() {
  throw new Error(`no session for ${marker}`)
}

/** Gives credentials that cannot be had. */
export function throwingCredentials() {
  return {
    credentials: async () => {
      throw Object.assign(new Error(`rejected: ${marker}`), { code: marker })
    },
  }
}

/** Is no configuration. */
export const noConfig = marker
