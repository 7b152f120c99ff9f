/**
 * The process of a contestant that is written in JavaScript: `protocol.ts` from its side.
 *
 * @module
 */

import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Answer, Ready, Request } from './protocol.ts'
import { type Setup, Unavailable, type Work } from './work.ts'

/** Milliseconds of a sweep. */
const SWEEP = 120
/** Default seconds of a long row. */
const SECONDS = 5

/** Speaks the protocol until stdin ends, or answers the one row that the command line asks for. */
export async function contestant(version: string, setups: Readonly<Record<string, Setup>>): Promise<void> {
  const { values } = parseArgs({ options: { once: { type: 'string' }, seconds: { type: 'string' } } })
  const opened = new Map<string, Work>()
  try {
    if (values.once !== undefined) {
      const seconds = Number(values.seconds ?? SECONDS)
      print(await answer({ row: values.once, seconds }, setups, opened))
      return
    }
    print({ ready: true, rows: Object.keys(setups), version })
    for await (const line of createInterface({ input: process.stdin })) {
      print(await answer(JSON.parse(line) as Request, setups, opened))
    }
  } finally {
    for (const work of opened.values()) work[Symbol.dispose]()
  }
}

async function answer(
  { row, seconds = SECONDS }: Request,
  setups: Readonly<Record<string, Setup>>,
  opened: Map<string, Work>,
): Promise<Answer> {
  try {
    const setup = setups[row]
    if (setup === undefined) return { row, skip: 'no such row' }
    const work = opened.get(row) ?? (await setup({ milliseconds: SWEEP, seconds }))
    opened.set(row, work)
    return { row, ...(await work.sweep()) }
  } catch (error) {
    if (error instanceof Unavailable) return { row, skip: error.message }
    return { row, error: error instanceof Error ? error.message : String(error) }
  }
}

function print(message: Ready | Answer): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
