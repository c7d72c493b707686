// What the pages of the instant store hold, known to the program that maps them.

/** Every byte. */
export const filledWith = 7
