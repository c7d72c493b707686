// How much memory of the store host's heap is for new objects. Pure.

/**
 * Mebibytes of one half of it. A store that receives its bytes from the network makes a buffer for
 * each piece. V8 counts those that it has not freed, and marks the whole heap after each 64 MiB of
 * them; the small collections that would free them come the sooner, the less room there is. It
 * halves what a scan of an S3 object costs.
 */
export const semiSpaceMb = 1

/** The same for a thread; V8 takes two halves and as much again for large objects. */
export const youngGenerationMb = 3 * semiSpaceMb
