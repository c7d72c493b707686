// `umap new-store`: copies a template into a new directory, under the names that follow from NAME.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { CommandContext } from '../run.ts'
import type { NewStoreRequest } from './new-store-arguments.ts'

// From src/ as well as from dist/.
const templates = new URL('../../templates/', import.meta.url)

/** Makes the package in `./NAME`; returns the exit code. */
export async function newStore(
  { name, language }: NewStoreRequest,
  { stdout, stderr }: CommandContext,
): Promise<ExitCode> {
  const directory = path.resolve(name)
  try {
    // Fails where anything of that name is there: nothing is ever overwritten.
    await mkdir(directory)
  } catch (error) {
    const code = codeOf(error)
    const reason = code === 'EEXIST' ? 'is there already' : `cannot be made (${code})`
    stderr.write(`umap: ${directory} ${reason}\numap: choose another name or directory\n`)
    return exitCodes.failed
  }
  try {
    await copyTemplate(fileURLToPath(new URL(language, templates)), directory, name)
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    const message = error instanceof Error ? error.message : String(error)
    stderr.write(`umap: ${directory} cannot be made: ${message}\n`)
    return exitCodes.failed
  }
  stdout.write(
    `made ${name}, a package for a store\n\n  cd ${name}\n  npm install\n  npm test\n\n` +
      'Then put your back end into it: its README.md, and docs/writing-a-store.md of UMap.\n',
  )
  return exitCodes.done
}

async function copyTemplate(template: string, directory: string, name: string): Promise<void> {
  const entries = await readdir(template, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const source = path.join(entry.parentPath, entry.name)
    const place = path.relative(template, source)
    // npm leaves a .gitignore out of packages.
    const target = path.join(directory, rename(place, name).replace(/^gitignore$/, '.gitignore'))
    await mkdir(path.dirname(target), { recursive: true })
    await writeFile(target, rename(await readFile(source, 'utf8'), name))
  }
}

/** Puts the names that follow from `name` in the place of the template's. */
function rename(text: string, name: string): string {
  const words = name.split('-')
  const className = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  // my-store gives myStore, and so does a name without the word.
  const stem = className.replace(/Store$/, '')
  const factory = `${stem.charAt(0).toLowerCase()}${stem.slice(1)}Store`
  return text
    .replaceAll('SampleStore', `${stem}Store`)
    .replaceAll('sampleStore', factory)
    .replaceAll('sample-store', name)
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'unknown'
}
