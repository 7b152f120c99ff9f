/**
 * Compares the library with its twin on the running kernel: loads each program of all objects alone, with both.
 *
 *     node build/lab/corpus/check.js objects|agents [PART OF A NAME]
 *
 * Prints the name of each object, a line of JSON for each difference, and one with the counts. Needs root.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Counts, compareObject, type Difference, emptyCounts } from './compare.ts'
import { type CorpusName, cachedCorpus, objectsDirectory } from './objects.ts'
import { ourFacts } from './ours.ts'
import { parseTwin, TWIN } from './twin.ts'

/** A line of the output. */
export type CheckLine = { readonly difference: Difference } | { readonly counts: Counts }

/** Runs the twin beside us, since both take a processor's time; returns what it prints. */
function runTwin(objects: readonly string[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'twin-'))
  const output = join(directory, 'output')
  const fd = openSync(output, 'w')
  return new Promise((resolve, reject) => {
    const twin = spawn(TWIN, objects, { stdio: ['ignore', fd, 'inherit'] })
    closeSync(fd)
    twin.on('error', reject)
    twin.on('close', (code, signal) => {
      const text = readFileSync(output, 'utf8')
      rmSync(directory, { recursive: true })
      if (code === 0) resolve(text)
      else reject(new Error(`The twin ended with ${signal ?? `exit code ${code}`} after ${text.slice(-300)}`))
    })
  })
}

async function main(corpus: CorpusName, part = ''): Promise<void> {
  const names = cachedCorpus(corpus).objects.filter(name => name.includes(part))
  const objects = names.map(name => join(objectsDirectory(corpus), name))
  const running = runTwin(objects)
  const ours = objects.map(path => {
    // The last one is the suspect when the kernel stops.
    console.log(`reading ${path}`)
    return ourFacts(path, true)
  })
  const twins = parseTwin(await running)
  const counts = emptyCounts()
  const print = (line: CheckLine): void => console.log(JSON.stringify(line))
  for (const facts of ours) {
    const twin = twins.get(facts.object)
    if (twin === undefined) throw new Error(`The twin says nothing about ${facts.object}`)
    for (const difference of compareObject(facts, twin, counts)) print({ difference })
  }
  print({ counts })
}

await main(process.argv[2] as CorpusName, process.argv[3])
