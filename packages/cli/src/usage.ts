// What `--help` prints.

/** The text of `--help`, for the program or for one command. */
export const usage = {
  umap: `Usage: umap COMMAND [OPTION…]

Maps data sets that are larger than memory. This command looks after the machine it runs on.

Commands:
  doctor         say whether this machine can page with userfaultfd, and what to do if not

Options:
  -h, --help     show this text, or that of a command: umap COMMAND --help
  -v, --version  show the version

Exit codes: 0 done, 1 failed, 2 bad usage.
`,
  doctor: `Usage: umap doctor [--json]

Tries what paging needs (permissions, kernel features, one real fault) and reads the limits of this
machine. Says first whether it will do, and at the end how to get what is missing.

Options:
      --json     print the whole report as JSON
  -h, --help     show this text

Exit codes: 0 this machine can do it, 1 it cannot (the report says what helps), 2 bad usage.
`,
} as const
