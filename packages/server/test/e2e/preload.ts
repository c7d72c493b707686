// Compiles a library that is loaded into a client before anything else.

import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { programPath } from './processes.ts'

/** Compiles `programs/NAME.c` into `directory`; returns the path. */
export function compilePreload(directory: string, name: string): string {
  const library = path.join(directory, `${name}.so`)
  const flags = ['-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']
  const source = programPath(`programs/${name}.c`)
  execFileSync(process.env.CC ?? 'gcc', [...flags, '-o', library, source, '-ldl'])
  return library
}
