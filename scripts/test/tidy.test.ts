import { describe, expect, it } from 'vitest'
import { checkCppIncludes } from '../tidy/cpp-includes.mjs'
import { checkName } from '../tidy/file-names.mjs'
import { checkText } from '../tidy/file-text.mjs'
import { checkImports, type Manifest } from '../tidy/package-imports.mjs'

const manifests = new Map<string, Manifest>([
  ['packages/store', {}],
  ['packages/store-file', { dependencies: { '@umap/store': '0.1.0' } }],
  [
    'packages/core',
    {
      dependencies: { '@umap/store': '0.1.0', '@umap/native': '0.1.0' },
      devDependencies: { '@umap/store-file': '0.1.0' },
    },
  ],
  ['examples', { dependencies: { '@umap/core': '0.1.0' } }],
])

const imports = (path: string, text: string) => checkImports(path, text, manifests)
const lines = (findings: { line: number }[]) => findings.map(({ line }) => line)

describe('import arrows between packages', () => {
  it('reports a source that imports against the arrow, with its line', () => {
    const text = "// Head.\nimport {\n  fileStore,\n} from '@umap/store-file'\n"
    const findings = imports('packages/core/src/a.ts', text)
    expect(lines(findings)).toEqual([4])
    expect(findings[0]?.why).toContain('@umap/store-file')
  })

  it.each([
    ['a package without arrows', 'packages/store/src/a.ts', "import { x } from '@umap/core'"],
    ['import()', 'packages/core/src/a.ts', "const x = await import('@umap/store-file')"],
    ['export from', 'packages/core/src/a.ts', "export * from '@umap/cli'"],
    ['a bare import', 'packages/store/src/a.ts', "import 'left-pad'"],
    ['an undeclared package', 'examples/src/a.ts', "import { x } from '@umap/native'"],
    [
      'a path into another package',
      'packages/core/src/a.ts',
      "import x from '../../store/src/x.ts'",
    ],
    ['a source that imports a test', 'packages/core/src/a.ts', "import x from '../test/x.ts'"],
    ['a test that imports an undeclared package', 'packages/core/test/a.ts', "import '@umap/cli'"],
  ])('reports %s', (_name, path, text) => {
    expect(imports(path, text)).toHaveLength(1)
  })

  it('allows what the arrows allow', () => {
    const text = "import { x } from '@umap/store'\nimport { y } from './y.ts'\nimport 'node:fs'\n"
    expect(imports('packages/core/src/a.ts', text)).toEqual([])
    expect(imports('packages/store-file/src/a.ts', text)).toEqual([])
  })

  it('allows a test to import what devDependencies name', () => {
    expect(imports('packages/core/test/a.ts', "import '@umap/store-file'")).toEqual([])
  })

  it('takes no example in a comment for an import', () => {
    const text =
      "/**\n * ```ts\n * import { x } from '@umap/core'\n * ```\n */\n// import 'left-pad'\n"
    expect(imports('packages/store/src/a.ts', text)).toEqual([])
  })
})

describe('include arrows between layers of the engine', () => {
  const includes = (layer: string, text: string) =>
    checkCppIncludes(`packages/native/src/${layer}/a.cc`, text)

  it.each([
    ['an upward include', 'os', '#include "page/page_table.h"'],
    ['an include between server and client', 'server', '#include "client/a.h"'],
    ['an include between page and store', 'page', '#include "store/store.h"'],
    ['napi.h outside binding', 'engine', '#include <napi.h>'],
    ['an include without its layer', 'engine', '#include "a.h"'],
    ['an unknown layer', 'extras', ''],
  ])('reports %s', (_name, layer, text) => {
    expect(includes(layer, text)).toHaveLength(1)
  })

  it('allows downward includes, its own layer, the system, and napi.h in binding', () => {
    expect(includes('pipeline', '#include "page/a.h"\n#include "os/b.h"\n#include <map>')).toEqual(
      [],
    )
    expect(includes('server', '#include "engine/a.h"\n#include "wire/b.h"')).toEqual([])
    expect(includes('binding', '#include <napi.h>\n#include "engine/engine.h"')).toEqual([])
    expect(includes('page', '#include "page/b.h"')).toEqual([])
  })
})

describe('names of files', () => {
  it.each(['src/utils.ts', 'src/string-helpers.ts', 'packages/common/a.ts', 'src/page_manager.cc'])(
    'reports %s, which says nothing',
    (path) => {
      expect(checkName(path)).toHaveLength(1)
    },
  )

  it.each(['src/pageBuffer.ts', 'src/page_buffer.ts', 'src/page-buffer.cc', 'src/PageBuffer.h'])(
    'reports the case of %s',
    (path) => {
      expect(checkName(path)).toHaveLength(1)
    },
  )

  it('allows names of the right case', () => {
    const paths = ['src/page-buffer.test.ts', 'src/page_buffer.cc', 'LICENSE', 'docs/a_b.md']
    expect(paths.flatMap(checkName)).toEqual([])
  })
})

describe('texts of files', () => {
  const findings = (path: string, text: string) => lines(checkText(path, text))

  it('reports white space at the end of a line', () => {
    expect(findings('src/a.md', 'a\nb \nc\n')).toEqual([2])
  })

  it('reports unfinished work', () => {
    expect(findings('src/a.ts', `// Head.\n// ${'TO'}DO: later\n`)).toEqual([2])
  })

  it('reports a source of more than 500 lines', () => {
    expect(findings('src/a.ts', '// x\n'.repeat(500))).toEqual([])
    expect(findings('src/a.ts', '// x\n'.repeat(501))).toEqual([501])
  })

  it('reports a source without a head', () => {
    expect(findings('src/a.ts', 'export const a = 1\n')).toEqual([1])
    expect(findings('test/a.ts', 'export const a = 1\n')).toEqual([])
  })

  it('reports wide lines and long functions of C++', () => {
    expect(findings('a.cc', `// Head.\n// ${'x'.repeat(98)}\n`)).toEqual([2])
    const body = '  Call();\n'.repeat(70)
    expect(findings('a.cc', `// Head.\n\nvoid F() {\n${body}}\n`)).toEqual([3])
    expect(findings('a.cc', `// Head.\nclass C {\n${body}};\n`)).toEqual([])
  })

  it('reports tests that do not run', () => {
    expect(findings('test/a.test.ts', "it.only('x')\ndescribe.todo('y')\n")).toEqual([1, 2])
    expect(findings('test/a.test.ts', "it.skip('x')\n")).toEqual([1])
    expect(findings('test/a.test.ts', "// skipped: needs root\nit.skip('x')\n")).toEqual([])
    expect(findings('test/a.test.ts', "it.skipIf(isOld)('x')\n")).toEqual([])
  })

  it('reports a lock file that names a registry', () => {
    const address = 'https://registry.example/a.tgz'
    expect(findings('package-lock.json', `{\n"resolved": "${address}"\n}`)).toEqual([2])
  })
})
