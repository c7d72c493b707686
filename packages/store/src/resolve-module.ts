// Finds the module of a store as an `import` in another file would: `import.meta.resolve` takes no
// parent, and `createRequire` sees only what packages export to `require`. Reads package.json
// files; runs in any thread, before a store is opened.

import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { StoreError, storeErrorCodes } from './store-error.ts'

/** The conditions of "exports" that hold for an `import` in Node. */
const importConditions: ReadonlySet<string> = new Set([
  'node',
  'import',
  'module-sync',
  'node-addons',
  'default',
])

/** A part of package.json's "exports": a target, alternatives, or conditions. */
type ExportsTarget = string | null | undefined | ExportsTarget[] | { [key: string]: ExportsTarget }

interface PackageJson {
  readonly name?: string
  readonly exports?: ExportsTarget
}

/**
 * The URL of `module`: a package name (with a subpath, or not), an absolute path, a file URL, or a
 * path that starts with `./` or `../` and is relative to the file `parent`.
 *
 * Throws a `TypeError` where a relative path has no parent, and a {@link StoreError} with the code
 * 'STORE_MODULE' where a package cannot be found or does not export the subpath.
 */
export function resolveModule(module: string, parent: URL | undefined): URL {
  if (/^\.\.?([/\\]|$)/.test(module)) {
    if (parent === undefined) {
      throw new TypeError(
        `module '${module}' is a relative path: pass parent, the file URL that it is relative to`,
      )
    }
    return pathToFileURL(path.resolve(path.dirname(fileURLToPath(parent)), module))
  }
  if (path.isAbsolute(module)) {
    return pathToFileURL(module)
  }
  if (module.startsWith('file:') && URL.canParse(module)) {
    return new URL(module)
  }
  if (/^[a-z][a-z\d+.-]*:/i.test(module) || module.startsWith('#') || isBuiltin(module)) {
    throw new TypeError(`module must be a package name or a path, not '${module}'`)
  }
  return resolvePackage(module, parent)
}

function resolvePackage(module: string, parent: URL | undefined): URL {
  const parents =
    parent === undefined
      ? [pathToFileURL(path.join(process.cwd(), 'package.json')), new URL(import.meta.url)]
      : [parent]
  let cause: unknown
  for (const from of parents) {
    try {
      const found = resolvePackageFrom(module, fileURLToPath(from))
      if (found !== undefined) {
        return found
      }
    } catch (error) {
      cause ??= error
    }
  }
  const where = parents.map((from) => fileURLToPath(from)).join(' nor from ')
  throw new StoreError(`the store's package '${module}' cannot be found from ${where}`, {
    code: storeErrorCodes.module,
    ...(cause !== undefined && { cause }),
  })
}

function resolvePackageFrom(module: string, fromPath: string): URL | undefined {
  const [name, subpath] = splitName(module)
  const directory = findPackage(name, fromPath)
  if (directory === undefined) {
    return undefined
  }
  const { exports } = readPackageJson(directory)
  if (exports === undefined || exports === null) {
    // Without "exports" an import and a require find the same file ("main", or the path itself).
    return pathToFileURL(createRequire(fromPath).resolve(module))
  }
  const target = findTarget(exports, subpath)
  if (target === undefined) {
    throw new Error(`${path.join(directory, 'package.json')} does not export '${subpath}'`)
  }
  // As an import does it: through links, so that a module is not loaded twice under two names.
  return pathToFileURL(realpathSync(path.join(directory, target)))
}

function splitName(module: string): [name: string, subpath: string] {
  const parts = module.split('/')
  const nameParts = module.startsWith('@') ? 2 : 1
  const rest = parts.slice(nameParts).join('/')
  return [parts.slice(0, nameParts).join('/'), rest === '' ? '.' : `./${rest}`]
}

// A package may name itself; else the nearest node_modules that has it wins.
function findPackage(name: string, fromPath: string): string | undefined {
  let directory = path.dirname(fromPath)
  while (
    !existsSync(path.join(directory, 'package.json')) &&
    path.dirname(directory) !== directory
  ) {
    directory = path.dirname(directory)
  }
  const own = readPackageJson(directory)
  if (own.name === name && own.exports !== undefined) {
    return directory
  }
  for (const modules of createRequire(fromPath).resolve.paths(name) ?? []) {
    const candidate = path.join(modules, ...name.split('/'))
    if (existsSync(candidate)) {
      return candidate
    }
  }
  return undefined
}

function readPackageJson(directory: string): PackageJson {
  const file = path.join(directory, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PackageJson) : {}
}

// The algorithm is PACKAGE_EXPORTS_RESOLVE of Node's documentation of ECMAScript modules.
function findTarget(exports: ExportsTarget, subpath: string): string | undefined {
  const isSubpathMap =
    typeof exports === 'object' &&
    exports !== null &&
    !Array.isArray(exports) &&
    Object.keys(exports).some((key) => key.startsWith('.'))
  if (!isSubpathMap) {
    return subpath === '.' ? chooseTarget(exports, '') : undefined
  }
  if (Object.hasOwn(exports, subpath) && !subpath.includes('*')) {
    return chooseTarget(exports[subpath], '')
  }
  const patterns = Object.keys(exports)
    .filter((key) => key.split('*').length === 2)
    .sort((a, b) => b.indexOf('*') - a.indexOf('*') || b.length - a.length)
  for (const pattern of patterns) {
    const [before = '', after = ''] = pattern.split('*')
    const matches = subpath.startsWith(before) && subpath.endsWith(after)
    if (matches && subpath.length >= pattern.length) {
      const part = subpath.slice(before.length, subpath.length - after.length)
      return chooseTarget(exports[pattern], part)
    }
  }
  return undefined
}

function chooseTarget(target: ExportsTarget, patternPart: string): string | undefined {
  if (typeof target === 'string') {
    return target.startsWith('./') ? target.replaceAll('*', patternPart) : undefined
  }
  if (target === null || target === undefined) {
    return undefined
  }
  const alternatives = Array.isArray(target)
    ? target
    : Object.entries(target)
        .filter(([condition]) => importConditions.has(condition))
        .map(([, value]) => value)
  for (const alternative of alternatives) {
    const chosen = chooseTarget(alternative, patternPart)
    if (chosen !== undefined) {
      return chosen
    }
  }
  return undefined
}
