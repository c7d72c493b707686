// Chooses which of the program's Node flags a store worker gets: those that decide how modules are
// found and loaded, so that a store in TypeScript or behind a loader opens there too. Flags of V8
// and of the process are refused by `new Worker`. Pure.

const flagsWithValue = [
  '--import',
  '--require',
  '-r',
  '--loader',
  '--experimental-loader',
  '--conditions',
  '-C',
  '--disable-warning',
] as const

const flagsAlone = [
  '--enable-source-maps',
  '--experimental-default-config-file',
  '--experimental-import-meta-resolve',
  '--experimental-strip-types',
  '--experimental-transform-types',
  '--experimental-wasm-modules',
  '--no-experimental-strip-types',
  '--no-strip-types',
  '--no-warnings',
  '--preserve-symlinks',
  '--strip-types',
] as const

/** The flags of `execArgv` that a store worker is started with. */
export function storeWorkerExecArgv(execArgv: readonly string[]): string[] {
  const chosen: string[] = []
  for (let index = 0; index < execArgv.length; index++) {
    const argument = execArgv[index] as string
    const name = argument.split('=', 1)[0] as string
    if (isOneOf(flagsAlone, name)) {
      chosen.push(argument)
    } else if (isOneOf(flagsWithValue, name)) {
      chosen.push(argument)
      const value = execArgv[index + 1]
      if (!argument.includes('=') && value !== undefined) {
        chosen.push(value)
        index += 1
      }
    }
  }
  return chosen
}

function isOneOf(flags: readonly string[], name: string): boolean {
  return flags.includes(name)
}
