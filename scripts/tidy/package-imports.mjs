// Which package may import which: the arrows of ARCHITECTURE.md. A test may also import what its
// package names in devDependencies, because tests see several packages work together.

/** @typedef {import('./file-names.mjs').Finding} Finding */
/** @typedef {{ dependencies?: Record<string, string>, devDependencies?: Record<string, string> }} Manifest */

const scope = '@umap/'

/** What the sources of a package may import; anything that is not here may import every package. */
const arrows = [
  { folder: /^packages\/store$/, targets: [] },
  { folder: /^packages\/store-[a-z0-9-]+$/, targets: ['store'] },
  { folder: /^packages\/native$/, targets: [] },
  { folder: /^packages\/core$/, targets: ['store', 'native'] },
  { folder: /^packages\/server$/, targets: ['core', 'store'] },
  { folder: /^packages\/cli$/, targets: ['core', 'server', 'store'] },
]

/**
 * @param {string} path relative to the root
 * @param {string} text
 * @param {ReadonlyMap<string, Manifest>} manifests package.json by workspace folder
 * @returns {Finding[]}
 */
export function checkImports(path, text, manifests) {
  const folder = [...manifests.keys()].find((name) => path.startsWith(`${name}/`))
  if (folder === undefined || !/\.(ts|mts|mjs|js)$/.test(path)) return []
  const inside = path.slice(folder.length + 1)
  const place = {
    folder,
    inside,
    isTest: !inside.startsWith('src/'),
    manifest: /** @type {Manifest} */ (manifests.get(folder)),
  }
  return findImports(text).flatMap(({ line, specifier }) => {
    const why = specifier.startsWith('.')
      ? checkRelative(specifier, place)
      : checkBare(specifier, place)
    return why === undefined ? [] : [{ line, why }]
  })
}

/** @typedef {{ folder: string, inside: string, isTest: boolean, manifest: Manifest }} Place */

/**
 * @param {string} specifier
 * @param {Place} place
 */
function checkRelative(specifier, { inside, isTest }) {
  const target = new URL(specifier, `file:///package/${inside}`).pathname
  if (!target.startsWith('/package/')) {
    return `${specifier} leaves the package: import the other one by its name`
  }
  if (!isTest && !target.startsWith('/package/src/')) {
    return `${specifier} leaves src: sources import sources`
  }
  return undefined
}

/**
 * @param {string} specifier
 * @param {Place} place
 */
function checkBare(specifier, { folder, isTest, manifest }) {
  if (specifier.startsWith('node:')) return undefined
  const parts = specifier.split('/')
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  const isDevelopment = isTest && manifest.devDependencies?.[name] !== undefined
  // The test runner and what generates inputs are tools of the root.
  if (isDevelopment || (isTest && !name.startsWith(scope))) return undefined

  const own = folder.replace(/^packages\//, scope)
  const rule = arrows.find((arrow) => arrow.folder.test(folder))
  if (name.startsWith(scope) && name !== own && rule !== undefined) {
    const allowed = rule.targets.map((target) => scope + target)
    if (!allowed.includes(name)) {
      return `${folder} must not import ${name}: it may import ${allowed.join(', ') || 'no package'}`
    }
  }
  if (name !== own && manifest.dependencies?.[name] === undefined) {
    return `${name} is not in the dependencies of ${folder}/package.json`
  }
  return undefined
}

/**
 * The module names in import and export declarations and in import() calls.
 * @param {string} text
 * @returns {{ line: number, specifier: string }[]}
 */
function findImports(text) {
  const code = blankComments(text)
  const pattern =
    /^\s*(?:import|export)\s[^'"`;=()]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm
  return [...code.matchAll(pattern)].map((match) => ({
    // The match may begin with line breaks and hold several: the name stands in its last line.
    line: code.slice(0, match.index + match[0].length).split('\n').length,
    specifier: /** @type {string} */ (match[1] ?? match[2] ?? match[3]),
  }))
}

/**
 * Replaces comments by spaces, so that an example in a comment is no import and lines stay where
 * they are. Only comments that follow a line's start or a space count: globs hold `/*` too.
 * @param {string} text
 */
function blankComments(text) {
  const blank = (/** @type {string} */ comment) => comment.replace(/[^\n]/g, ' ')
  return text.replace(/(?<=^|\s)\/\*[\s\S]*?\*\//g, blank).replace(/(?<=^|\s)\/\/.*/gm, blank)
}
