// What a supervisor and its server process say to each other over Node's channel. Types, and where
// the child finds the ledger.

import type { ConfigText } from './config-file.ts'

/** Descriptor of the server process that leads to the supervisor's keeper; 3 is Node's channel. */
export const ledgerFd = 4

/** To the server process. */
export type Order =
  | {
      readonly type: 'start'
      readonly config: ConfigText
      /** Port that the server before had, where the configuration leaves it open. */
      readonly metricsPort?: number
    }
  /** Write everything back and end. */
  | { readonly type: 'close' }

/** From the server process. */
export type Report =
  | { readonly type: 'listening'; readonly socket: string; readonly metricsPort?: number }
  /** It cannot serve, for a reason that it can tell. */
  | { readonly type: 'refused'; readonly message: string; readonly isConfig: boolean }
  /** It has closed, and ends. `failure`: what was not written back, and why. */
  | { readonly type: 'closed'; readonly failure?: string }
