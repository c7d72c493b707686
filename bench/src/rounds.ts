// Runs contenders in turns (A B C A B C …), so that what changes on the machine meanwhile hits all
// of them alike.

/** What one run of a measured program printed. */
export type Figures = Readonly<Record<string, number>>

/** One side of a comparison. */
export interface Contender<Name extends string = string> {
  readonly name: Name
  readonly run: () => Promise<Figures>
}

/** The figures of each contender, one per round. */
export type Rounds<Name extends string> = ReadonlyMap<Name, readonly Figures[]>

/** Runs every contender once per round. */
export async function runRounds<Name extends string>(
  count: number,
  contenders: readonly Contender<Name>[],
): Promise<Rounds<Name>> {
  const rounds = new Map<Name, Figures[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < count; round++) {
    for (const { name, run } of contenders) rounds.get(name)?.push(await run())
  }
  return rounds
}

/** One figure of one contender over all rounds. */
export function figuresOf<Name extends string>(
  rounds: Rounds<Name>,
  name: Name,
  figure: string,
): number[] {
  const all = rounds.get(name) ?? []
  return all.map((figures) => {
    const value = figures[figure]
    if (value === undefined) throw new Error(`${name} printed no ${figure}`)
    return value
  })
}
