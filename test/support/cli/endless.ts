/**
 * A tool of one command that prints without end: for tests of readers that stall, go away, or are disks that are full.
 * Says on standard error every 50 ms how many lines it printed, and at the end that it cleaned up.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { defineCommand } from '../../../src/cli/form/command.ts'
import { execute } from '../../../src/cli/form/execute.ts'
import { flag } from '../../../src/cli/form/option.ts'
import { printStream } from '../../../src/cli/output/stream.ts'

const command = defineCommand({
  positionals: [],
  options: { sync: flag('from a source that never waits') },
  json: { form: 'lines', help: 'print JSON' },
  description: [],
  examples: [],
  exit: { done: '', failed: '' },
  async run({ values, out, notes, stop }) {
    const signal = stop()
    let count = 0
    const timer = setInterval(() => notes.line(`printed ${count}`), 50)
    await printStream(out, values.sync ? numbers() : slowNumbers(), number => out.line(`line ${number}`), {
      signal,
    })
    clearInterval(timer)
    notes.line('cleaned up')
    return 0

    function* numbers(): Generator<number> {
      while (true) yield count++
    }
    async function* slowNumbers(): AsyncGenerator<number> {
      while (true) {
        yield count++
        if (count % 500 === 0) await sleep(1)
      }
    }
  },
})

const commands = {
  print: { summary: 'print', command: () => Promise.resolve({ command }) },
}
const { code, written } = await execute(
  { name: 'endless', summary: 'print', commands },
  process.argv.slice(2),
  process,
)
process.exitCode = code
if (!written) process.exit()
