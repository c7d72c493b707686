// Runs contenders in turns (A B C A B C …), so that what changes on the machine meanwhile hits all
// of them alike, and picks out of what they printed.

/** What one run of a measured program printed. */
export type Figures = Readonly<Record<string, number>>

/** One side of a comparison. */
export interface Contender {
  readonly name: string
  readonly run: () => Promise<Figures>
}

/** The figures of each contender, one per round. */
export type Rounds = ReadonlyMap<Contender, readonly Figures[]>

/** Runs every contender once per round. */
export async function runRounds(count: number, contenders: readonly Contender[]): Promise<Rounds> {
  const rounds = new Map<Contender, Figures[]>(contenders.map((contender) => [contender, []]))
  for (let round = 0; round < count; round++) {
    for (const contender of contenders) rounds.get(contender)?.push(await contender.run())
  }
  return rounds
}

/** One figure of one contender over all rounds. */
export function figuresOf(rounds: Rounds, contender: Contender, figure: string): number[] {
  const all = rounds.get(contender) ?? []
  return all.map((figures) => {
    const value = figures[figure]
    if (value === undefined) throw new Error(`${contender.name} printed no ${figure}`)
    return value
  })
}
