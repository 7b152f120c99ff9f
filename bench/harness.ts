/**
 * Measures: every row, its contestants in turn.
 *
 * A row has processes of its own, so that its numbers do not depend on which rows came before. The first sweep of each
 * process is not counted: compilers and caches warm up in it.
 *
 * @module
 */

import { type Contestant, isInstalled } from './contestants.ts'
import { judge, type MeasuredRow, type Participant, type Result, resultOf } from './document.ts'
import { ContestantProcess } from './process.ts'
import type { Answer } from './protocol.ts'
import type { Row } from './rows.ts'

/** How to measure. */
export interface Settings {
  /** Sweeps of each contestant in a row that count. */
  readonly sweeps: number
  /** Seconds of rows that are measured once. */
  readonly seconds: number
}

/** A contestant that is there. */
export interface Present {
  readonly contestant: Contestant
  readonly version: string
  /** Rows that it knows. */
  readonly rows: ReadonlySet<string>
}

/** Starts everybody once, to learn who can do what. */
export async function meet(
  contestants: readonly Contestant[],
): Promise<{ present: Present[]; participants: Participant[] }> {
  const present: Present[] = []
  const participants: Participant[] = []
  for (const contestant of contestants) {
    const { name, install = null } = contestant
    if (!isInstalled(contestant)) {
      participants.push({ name, version: null, install })
      continue
    }
    try {
      const { process, ready } = await ContestantProcess.start(contestant)
      await process[Symbol.asyncDispose]()
      present.push({ contestant, version: ready.version, rows: new Set(ready.rows) })
      participants.push({ name, version: ready.version, install })
    } catch (error) {
      // We have to be there; a peer may have been built for another machine.
      if (install === null) throw error
      participants.push({ name, version: null, install })
    }
  }
  return { present, participants }
}

/** One column of a row: a contestant, and what it is asked for. */
interface Column {
  readonly label: string
  readonly contestant: Contestant
  readonly request: { readonly row: string; readonly seconds: number }
}

function columnsOf(row: Row, present: readonly Present[], seconds: number): Column[] {
  const columns: Column[] = []
  for (const { contestant, rows } of present) {
    if (contestant.name === 'ours-koffi' && row.backends !== true) continue
    for (const variant of ['', ...(row.variants ?? []).map(each => `-${each}`)]) {
      const name = `${row.name}${variant}`
      if (rows.has(name)) {
        columns.push({ label: `${contestant.name}${variant}`, contestant, request: { row: name, seconds } })
      }
    }
  }
  return columns
}

/** Measures a row. */
export async function measureRow(
  row: Row,
  present: readonly Present[],
  settings: Settings,
): Promise<MeasuredRow> {
  const columns = columnsOf(row, present, row.mode === 'once' ? settings.seconds : 0)
  const answers =
    row.mode === 'sweep' ? await sweep(columns, settings) : await spawnEach(row, columns, settings)
  const results: Record<string, Result> = {}
  columns.forEach(({ label }, i) => {
    results[label] = resultOf(answers[i]!)
  })
  const { name, operation, mode, bars } = row
  return { name, operation, mode, results, judgements: bars.map(bar => judge(bar, results)) }
}

async function sweep(columns: readonly Column[], { sweeps }: Settings): Promise<Answer[][]> {
  const processes: ContestantProcess[] = []
  try {
    for (const { contestant } of columns) processes.push((await ContestantProcess.start(contestant)).process)
    return await inTurn(columns, sweeps, i => processes[i]!.ask(columns[i]!.request))
  } finally {
    for (const process of processes) await process[Symbol.asyncDispose]()
  }
}

/** Each sweep in a process of its own. */
async function spawnEach(
  { mode }: Row,
  columns: readonly Column[],
  { sweeps }: Settings,
): Promise<Answer[][]> {
  const ask = (i: number): Promise<Answer> =>
    ContestantProcess.once(columns[i]!.contestant, columns[i]!.request)
  if (mode === 'process') return await inTurn(columns, sweeps, ask)
  const answers: Answer[][] = []
  for (const i of columns.keys()) answers.push([await ask(i)])
  return answers
}

/** A round that does not count, then those that do. Who cannot do the row is not asked again. */
async function inTurn(
  columns: readonly Column[],
  sweeps: number,
  ask: (column: number) => Promise<Answer>,
): Promise<Answer[][]> {
  const answers: Answer[][] = columns.map(() => [])
  const out = new Set<number>()
  for (let round = 0; round <= sweeps; round++) {
    for (const i of columns.keys()) {
      if (out.has(i)) continue
      const answer = await ask(i)
      const isSample = 'ns' in answer
      if (!isSample) out.add(i)
      if (round > 0 || !isSample) answers[i]!.push(answer)
    }
  }
  return answers
}
