// A store whose opening ends the worker that runs it, and with it all other stores of the host.
export function openStore() {
  process.exit(3)
}
