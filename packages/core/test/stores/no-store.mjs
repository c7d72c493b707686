// A module that exports no store.

export const nothing = true
