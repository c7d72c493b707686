// Finds and loads the addon, once in each thread. Importing this never throws, on any platform;
// only loadNative() does.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import type { NativeAddon, NativeBinding } from './native-binding.ts'
import { NativeError } from './native-error.ts'

// From src/ as well as from dist/.
const addonPath = fileURLToPath(new URL('../build/Release/umap.node', import.meta.url))

let loaded: NativeBinding | undefined

/**
 * The engine's binding for this thread; the same object at every call.
 *
 * @throws Error with `code` 'UMAP_UNSUPPORTED' and a way out in its message, where this is not
 * Linux, the addon was not built, or it does not load
 */
export function loadNative(): NativeBinding {
  loaded ??= load()
  return loaded
}

function load(): NativeBinding {
  if (process.platform !== 'linux') {
    throw unsupported(`umap needs Linux, and this is ${process.platform}`)
  }
  if (!existsSync(addonPath)) {
    throw unsupported(
      `the engine of @umap/native was not built: ${addonPath} is missing. Install python3, make ` +
        'and g++ (Debian, Ubuntu: `apt-get install -y python3 make g++`), then `npm rebuild @umap/native`',
    )
  }
  const addon = requireAddon()
  addon.setErrorClass(NativeError)
  process.on('beforeExit', () => addon.runTasks())
  // The hooks of native code run too late at process.exit(): the workers are stopped before.
  if (isMainThread) process.once('exit', (code) => addon.processExiting(code & 0xff))
  return addon
}

function requireAddon(): NativeAddon {
  try {
    return createRequire(import.meta.url)(addonPath)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw unsupported(
      `the engine of @umap/native does not load in Node ${process.version} on ${process.arch}: ` +
        `${why}. Build it for this machine with \`npm rebuild @umap/native\``,
      cause,
    )
  }
}

function unsupported(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause })
  return Object.assign(error, { code: 'UMAP_UNSUPPORTED' })
}
