import { closeSync, existsSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tracefsPath } from '../../../src/kernel/tracefs.ts'
import type { TraceLine } from '../../../src/readers/trace-pipe/parse.ts'
import { tracePipe } from '../../../src/readers/trace-pipe/trace-pipe.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { printProgram } from '../../support/readers/print-program.ts'
import { run } from '../../support/readers/ring-programs.ts'
import { countFds } from '../../support/readers/ring-setup.ts'

const name = `ebpf-ts-${process.pid}`
const instances = (): string[] => readdirSync(join(tracefsPath(), 'instances')).filter(each => each === name)

/** A text that no other process prints. */
const marker = (what: string): string => `${what} ${process.pid}`

kernelTest('an instance has what programs print, and is removed', ['tracefs'], async t => {
  using print = printProgram(`${marker('first')} %d`, 7)
  const fds = countFds()
  const pipe = tracePipe({ instance: name })
  t.deepEqual(instances(), [name])
  for (let i = 0; i < 3; i++) run(print)
  const found: TraceLine[] = []
  const others = (line: TraceLine): boolean => !line.message.includes(`${process.pid}`)
  for await (const line of pipe) {
    if (others(line)) continue
    found.push(line)
    if (found.length === 3) break
  }
  for (const { task, pid, cpu, flags, timestamp, event, message, line } of found) {
    t.is(message, `${marker('first')} 7`)
    t.is(event, 'bpf_trace_printk')
    t.is(pid, process.pid)
    t.true(task!.length > 0 && flags!.length >= 4 && timestamp! > 0 && cpu! >= 0)
    t.true(line.endsWith(`: ${message}`))
  }
  const later = pipe.lines().next()
  setTimeout(() => run(print), 5)
  t.is((await later).value?.message, `${marker('first')} 7`)
  run(print)
  const drained: string[] = []
  pipe.drain(({ message }) => drained.push(message))
  t.true(drained.includes(`${marker('first')} 7`))
  const ended = pipe.lines().next()
  pipe.close()
  pipe.close()
  t.true((await ended).done)
  t.deepEqual(instances(), [])
  t.throws(() => pipe.drain(() => {}), { code: 'ERR_CLOSED' })
  t.is(countFds(), fds)
})

kernelTest('the pipe that all share is read too', ['tracefs'], async t => {
  using print = printProgram(marker('shared'))
  using pipe = tracePipe()
  const found = pipe.lines().next()
  run(print)
  let { value } = await found
  for (const lines = pipe.lines(); value !== undefined && !value.message.includes(marker('shared')); )
    value = (await lines.next()).value
  t.is(value?.message, marker('shared'))
})

kernelTest('events that had no room are counted', ['tracefs'], t => {
  using print = printProgram(marker('many'))
  const losses: number[] = []
  using pipe = tracePipe({ instance: name, onLost: ({ count }) => losses.push(count ?? 0) })
  writeFileSync(join(tracefsPath(), 'instances', name, 'buffer_size_kb'), '4')
  let lines = 0
  for (let round = 0; round < 4; round++) {
    run(print, 2000)
    lines += pipe.drain(() => {})
  }
  t.true(lines > 0 && losses.length > 0)
  t.is(
    losses.reduce((sum, count) => sum + count, 0),
    pipe.lost,
  )
  t.true(lines + pipe.lost <= 8000 + 100)
})

kernelTest('what cannot be opened is refused, and no instance is left', ['tracefs'], t => {
  const fds = countFds()
  for (const instance of ['', '..', 'a/b', 'a\n', '-\0', '.hidden'])
    t.throws(() => tracePipe({ instance }), { instanceOf: TypeError, message: /is not a name of one$/ })
  for (const event of ['sched', 'a/b/c', '../x', 'a/..'])
    t.throws(() => tracePipe({ instance: name, events: [event] }), { instanceOf: TypeError })
  t.throws(() => tracePipe({ events: ['sched/sched_switch'] }), {
    instanceOf: TypeError,
    message: /none is named/,
  })
  t.throws(() => tracePipe({ onLost: 5 as never }), { instanceOf: TypeError, message: /onLost/ })
  t.throws(() => tracePipe({ instance: name, events: ['sched/no_such_event'] }), { code: 'ENOENT' })
  t.deepEqual(instances(), [])
  {
    using _pipe = tracePipe({ instance: name })
    t.throws(() => tracePipe({ instance: name }), { code: 'EEXIST', message: /^Cannot make trace instance/ })
  }
  t.false(existsSync(join(tracefsPath(), 'instances', name)))
  t.is(countFds(), fds)
})

kernelTest('an instance whose file is open elsewhere is removed by a second close', ['tracefs'], t => {
  const pipe = tracePipe({ instance: name })
  const other = openSync(join(tracefsPath(), 'instances', name, 'trace'), 'r')
  try {
    t.throws(() => pipe.close(), { code: 'EBUSY', message: /^Cannot remove trace instance/ })
    t.true(pipe.closed)
  } finally {
    closeSync(other)
  }
  pipe.close()
  t.deepEqual(instances(), [])
})
