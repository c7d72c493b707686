// `@umap/cli`: the `umap` command, for programs that want to run it in their own process.

export { exitCodes } from './exit-codes.ts'
export { type CommandContext, type OutputStream, run } from './run.ts'
