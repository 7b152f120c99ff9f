import {
  appendFileSync,
  chownSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { PerfMap, PerfMapMemory } from '../../../src/symbols/process/perf-map.ts'
import type { ProcessIdentity } from '../../../src/symbols/process/status.ts'
import { Symbolizer } from '../../../src/symbols/symbolizer.ts'

let files = 0

/** What a process would be that writes a perf map of its own, and the path of that map. */
function identity(t: ExecutionContext): { path: string; identity: ProcessIdentity } {
  // Above what ids of processes can be.
  const ownPid = 2 ** 32 + process.pid * 1000 + files++
  const path = `/tmp/perf-${ownPid}.map`
  t.teardown(() => rmSync(path, { force: true, recursive: true }))
  return { path, identity: { startTime: '0', ownPid, uid: process.geteuid!() } }
}

/** A line of an entry. */
const line = (address: number, name: string): string => `${address.toString(16)} 10 ${name}\n`

test('a line is an entry when its end is written, also in small parts', t => {
  const { path, identity: own } = identity(t)
  writeFileSync(path, `${line(0x1000, 'first')}2000 10 sec`)
  using map = PerfMap.open(process.pid, own)!
  t.is(map.find(0x1000)?.name, 'first')
  t.is(map.find(0x2000), undefined)
  appendFileSync(path, 'on')
  t.is(map.find(0x2000), undefined)
  appendFileSync(path, `d\n${line(0x3000, 'third')}`)
  t.is(map.find(0x2000)?.name, 'second')
  t.is(map.find(0x3000)?.name, 'third')
  t.is(map.moment(), 3)
})

test('a file is read in pieces, and a line without an end is passed over', t => {
  const { path, identity: own } = identity(t)
  const entries = Array.from({ length: 60_000 }, (_, i) => line(16 * i, `function_number_${i}`)).join('')
  t.true(entries.length > 1 << 20)
  writeFileSync(path, entries + 'x'.repeat(5 << 19))
  using map = PerfMap.open(process.pid, own)!
  t.is(map.moment(), 60_000)
  t.is(map.find(16 * 59_999)?.name, 'function_number_59999')
  appendFileSync(path, `${'x'.repeat(100)}\n${line(0xf00_0000, 'behind')}`)
  t.is(map.find(0xf00_0000)?.name, 'behind')
  t.is(map.moment(), 60_001)
  t.is(map.problem, undefined)
})

test('a file that has no end in sight is read up to a limit', t => {
  const { path, identity: own } = identity(t)
  writeFileSync(path, line(0x1000, 'f'))
  truncateSync(path, 2 ** 40)
  using map = PerfMap.open(process.pid, own)!
  t.is(map.find(0x1000)?.name, 'f')
  t.is(map.problem?.code, 'EFBIG')
  t.is(map.moment(), 1)
})

test('the perf maps of all processes take a limited memory together', t => {
  const memory = new PerfMapMemory(100)
  const [first, second] = [identity(t), identity(t)]
  for (const { path } of [first, second]) writeFileSync(path, line(0x1000, 'f').repeat(2))
  const map = PerfMap.open(process.pid, first.identity, memory)!
  t.is(map.find(0x1000)?.name, 'f')
  t.true(memory.used >= 100)
  const other = PerfMap.open(process.pid, second.identity, memory)!
  t.is(other.find(0x1000), undefined)
  t.is(other.problem?.code, 'EFBIG')
  for (const each of [map, map, other]) each[Symbol.dispose]()
  t.is(memory.used, 0)
})

test('what is not a file of the user of the process is not a perf map', t => {
  const directory = identity(t)
  mkdirSync(directory.path)
  t.is(PerfMap.open(process.pid, directory.identity), undefined)
  const link = identity(t)
  const target = identity(t)
  writeFileSync(target.path, line(0x1000, 'f'))
  symlinkSync(target.path, link.path)
  t.is(PerfMap.open(process.pid, link.identity), undefined)
  if (process.geteuid!() !== 0) return
  chownSync(target.path, 4242, 4242)
  t.is(PerfMap.open(process.pid, target.identity), undefined)
  const other = { ...target.identity, uid: 4242 }
  using map = PerfMap.open(process.pid, other)
  t.is(map?.find(0x1000)?.name, 'f')
})

test('a directory in the place of a perf map does not hinder anything', t => {
  const path = `/tmp/perf-${process.pid}.map`
  mkdirSync(path)
  t.teardown(() => rmSync(path, { recursive: true }))
  using symbolizer = new Symbolizer()
  const symbols = symbolizer.process(process.pid)
  t.is(symbols.moment(), 0)
  t.notThrows(() => symbols.hold())
  t.false(symbols.hasPerfMap)
})
