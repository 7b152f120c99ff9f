import test from 'ava'
import type { SampleGroup } from '../../../src/profile/sample.ts'
import { StackNames } from '../../../src/profile/stack-names.ts'
import type { ProcessSymbols } from '../../../src/symbols/process/process-symbols.ts'
import type { Symbolizer } from '../../../src/symbols/symbolizer.ts'

/** What a symbolizer knows of one process id, which several processes have in turn. */
class FakeSymbolizer {
  startTime = '1'
  opened = 0
  current: { closed: boolean; startTime: string } | undefined

  process(): ProcessSymbols {
    if (this.current === undefined || this.current.closed) {
      this.opened++
      this.current = { closed: false, startTime: this.startTime }
    }
    return Object.assign(this.current, { moment: () => 0, hasPerfMap: false }) as unknown as ProcessSymbols
  }

  stack(addresses: readonly bigint[]) {
    return addresses.map(address => ({ address, name: 'work', offset: 0, module: undefined }))
  }

  /** Closes what it knows of the process. */
  close(): void {
    this.current!.closed = true
  }
}

const sample = (comm: string): SampleGroup => ({
  pid: 7,
  comm,
  user: [1n],
  kernel: [],
  truncated: false,
  samples: 1,
  value: 1,
})

function setUp(): { symbolizer: FakeSymbolizer; names: StackNames } {
  const symbolizer = new FakeSymbolizer()
  return { symbolizer, names: new StackNames(symbolizer as unknown as Symbolizer, false) }
}

test('a process whose id another process has by now keeps its samples and its name', t => {
  const { symbolizer, names } = setUp()
  names.add(sample('first'))
  symbolizer.close()
  symbolizer.startTime = '2'
  names.mark()
  names.add(sample('second'))
  names.add(sample('second'))
  t.deepEqual(
    names.processes().map(({ pid, name, samples }) => [pid, name, samples]),
    [
      [7, 'second', 2],
      [7, 'first', 1],
    ],
  )
})

test('a process that the symbolizer had closed is opened by its next sample, and stays one process', t => {
  const { symbolizer, names } = setUp()
  names.add(sample('server'))
  symbolizer.close()
  names.mark()
  names.mark()
  t.is(symbolizer.opened, 1)
  names.add(sample('server'))
  t.is(symbolizer.opened, 2)
  t.deepEqual(
    names.processes().map(({ name, samples }) => [name, samples]),
    [['server', 2]],
  )
})
