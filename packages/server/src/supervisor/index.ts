// `@umap/server/supervisor`: what the command `umap serve` does.

export { ConfigError, type ConfigText, readConfigText } from './config-file.ts'
export type { RestartOptions } from './restart-policy.ts'
export { type Listening, type SuperviseOptions, supervise } from './supervise.ts'
