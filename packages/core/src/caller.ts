// Remembers where a public function was called, so that an error that is only found after a store
// was opened still points at the caller's line, not at a reply from another thread.

/** The stack of a call of a public function, without the frames of this package. */
export interface CallSite {
  readonly stack?: string
}

/** The call site of `entry`, which must be the public function that calls this. */
export function captureCallSite(entry: (...args: never[]) => unknown): CallSite {
  const site: { stack?: string } = {}
  Error.captureStackTrace(site, entry)
  return site
}

/** Gives `error` the frames of `site`, and returns it. */
export function at<E extends Error>(error: E, site: CallSite): E {
  const frames = site.stack?.split('\n').slice(1).join('\n')
  if (frames) {
    const stack = `${error.name}: ${error.message}\n${frames}`
    Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  }
  return error
}
