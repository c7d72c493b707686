// Where there is no engine (another platform, an addon that was not built or does not load) umap()
// says so, and the stores go on working by themselves.

import { describe, expect, it } from 'vitest'
import { runProgram } from './program.ts'
import { scratchFolder } from './scratch.ts'

describe('without the engine', () => {
  it.each([
    ['missing', /was not built.*npm rebuild @umap\/native/],
    ['broken', /does not load.*undefined symbol: made_up.*npm rebuild @umap\/native/],
    ['darwin', /needs Linux.*darwin/],
    ['win32', /needs Linux.*win32/],
  ])('(%s) umap() says UMAP_UNSUPPORTED, and every store works', async (reason, message) => {
    const { code, stdout, stderr } = await runProgram('without-engine', {
      args: [reason, scratchFolder()],
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { failures, equal } = JSON.parse(stdout)
    expect(Object.keys(failures)).toEqual(expect.arrayContaining(['file', 'memory', 's3']))
    for (const failure of Object.values(failures)) {
      expect(failure).toMatchObject({ name: 'UmapError', code: 'UMAP_UNSUPPORTED' })
      expect((failure as Error).message).toMatch(message)
    }
    expect(equal).toMatchObject({ file: true, memory: true })
    expect(Object.values(equal)).not.toContain(false)
  })
})
