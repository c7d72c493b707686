// What `serve()` takes and what it refuses, before anything is opened.

import { fileStore } from '@umap/store-file'
import { describe, expect, it } from 'vitest'
import { type ServeOptions, serve } from '../dist/index.js'

const store = fileStore({ path: '/nowhere/data' })
const valid: ServeOptions = { socket: '/nowhere/umap.sock', datasets: { points: { store } } }

/** Options with one thing changed; typed loosely, since nonsense is what is tried. */
function withDataset(dataset: object): ServeOptions {
  return { ...valid, datasets: { points: { store, ...dataset } as never } }
}

describe('serve', () => {
  it.each<[object, RegExp]>([
    [{ ...valid, socket: 7 }, /^socket must be the path of a Unix socket, not 7$/],
    [{ ...valid, socket: 'x'.repeat(108) }, /^socket must be at most 107 bytes long.*not 108/],
    [
      { ...valid, socketMode: '0999' },
      /^socketMode must be an octal mode such as '0660', not '0999'/,
    ],
    [{ ...valid, port: 1 }, /^serve has no option named port; it has socket/],
    [{ ...valid, datasets: {} }, /^datasets must name at least one data set$/],
    [{ ...valid, datasets: { 'a\nb': { store } } }, /^the name of a data set must .* not "a\\nb"$/],
    [{ ...valid, datasets: { points: {} } }, /^datasets\.points\.store must be given/],
    [{ ...valid, datasets: { points: { store: 3 } } }, /^datasets\.points\.store: a store must be/],
    [
      withDataset({ access: 'write' }),
      /^datasets\.points\.access must be 'read-only' or.*'write'$/,
    ],
    [withDataset({ pageBytes: 5000 }), /^datasets\.points\.pageBytes must be .*5000/],
    [withDataset({ readAhead: -1 }), /^datasets\.points\.readAhead must be .* not -1$/],
    [withDataset({ host: 'cloud' }), /^datasets\.points\.host must be .* not 'cloud'$/],
    [withDataset({ colour: 1 }), /^datasets\.points has no option named colour/],
    [withDataset({ allow: {} }), /^datasets\.points\.allow must be an array .* not an object$/],
    [withDataset({ allow: [{}] }), /^datasets\.points\.allow\[0\] must name a uid or a gid/],
    [
      withDataset({ allow: [{ uid: -1 }] }),
      /^datasets\.points\.allow\[0\]\.uid must be .* not -1$/,
    ],
    [
      withDataset({ allow: [{ gid: 5, access: 'read-write' }] }),
      /^datasets\.points\.allow\[0\]\.access is 'read-write', but the data set's access is/,
    ],
    [{ ...valid, buffer: { bytes: 1 } }, /^buffer\.bytes must be .* not 1$/],
    [
      { ...valid, buffer: { bytes: 65_536 } },
      /^buffer\.bytes must be at least two pages of datasets\.points, 131072, not 65536$/,
    ],
    [{ ...valid, limits: { clientsMax: 0 } }, /^limits\.clientsMax must be .* not 0$/],
    [{ ...valid, limits: { clients: 0 } }, /^limits has no option named clients/],
    [{ ...valid, metrics: { port: 65_536 } }, /^metrics\.port must be .* not 65536$/],
  ])('refuses %j by the name of the option', async (options, message) => {
    const error = await serve(options as ServeOptions).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(['TypeError', 'RangeError']).toContain((error as Error).name)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).stack).toContain('serve-options.test.ts')
  })
})
