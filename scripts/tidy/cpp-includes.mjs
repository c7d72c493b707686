// Which layer of the engine may include which: binding → {server, client} → engine → pipeline →
// mapper → {page, store} → os, and {server, client} → wire → os.
// Node's headers stay in binding/, so that the rest is a library that C++ programs link.

/** @typedef {import('./file-names.mjs').Finding} Finding */

/** @type {Record<string, string[]>} */
const layersBelow = {
  os: [],
  page: ['os'],
  store: ['os'],
  mapper: ['page', 'os'],
  pipeline: ['mapper', 'page', 'store', 'os'],
  engine: ['pipeline', 'mapper', 'page', 'store', 'os'],
  wire: ['os'],
  server: ['wire', 'engine', 'page', 'store', 'os'],
  client: ['wire', 'engine', 'page', 'store', 'os'],
  binding: ['server', 'client', 'engine', 'pipeline', 'mapper', 'page', 'store', 'os'],
}

const nodeHeaders = /^(napi|node_api|js_native_api|node|v8|uv)(-inl|_types)?\.h$/

/**
 * @param {string} path relative to the root
 * @param {string} text
 * @returns {Finding[]}
 */
export function checkCppIncludes(path, text) {
  const layer = /^packages\/native\/src\/([^/]+)\/.*\.(?:cc|h)$/.exec(path)?.[1]
  if (layer === undefined) return []
  const below = layersBelow[layer]
  if (below === undefined) return [{ line: 1, why: `${layer} is not a layer of the engine` }]

  /** @type {Finding[]} */
  const findings = []
  for (const [index, content] of text.split('\n').entries()) {
    const include = /^\s*#\s*include\s*([<"])([^">]+)[">]/.exec(content)
    if (include === null) continue
    const [, quote, header] = include
    const why = checkInclude(layer, below, quote === '"', String(header))
    if (why !== undefined) findings.push({ line: index + 1, why })
  }
  return findings
}

/**
 * @param {string} layer
 * @param {string[]} below
 * @param {boolean} isOwn whether it is included with quotes
 * @param {string} header
 */
function checkInclude(layer, below, isOwn, header) {
  if (nodeHeaders.test(header)) {
    return layer === 'binding' ? undefined : `${header} belongs in binding/ only`
  }
  if (!isOwn) return undefined
  const target = header.split('/')[0] ?? ''
  if (layersBelow[target] === undefined) {
    return `"${header}" does not name its layer: include it as "layer/file.h"`
  }
  if (target === layer || below.includes(target)) return undefined
  return `${layer} must not include ${target}: it may include ${below.join(', ') || 'nothing'}`
}
