import test from 'ava'
import fc from 'fast-check'
import { PerfMapTable } from '../../../src/symbols/process/perf-map-table.ts'

function table(...parts: readonly string[]): PerfMapTable {
  const result = new PerfMapTable()
  for (const each of parts) result.add(new TextEncoder().encode(each))
  return result
}

test('lines of Node.js, Python and Java are read', t => {
  const map = table(
    '1000 40 JS:~f /a b.js:1:2\n2000 10 py::exists:<frozen genericpath>\n0x3000 0x20 int J.fib(int)\r\n',
  )
  t.deepEqual(map.find(0x103f), { name: 'JS:~f /a b.js:1:2', start: 0x1000 })
  t.deepEqual(map.find(0x2000), { name: 'py::exists:<frozen genericpath>', start: 0x2000 })
  t.deepEqual(map.find(0x3001), { name: 'int J.fib(int)', start: 0x3000 })
  for (const address of [0, 0xfff, 0x1040, 0x2010, 0x3020]) t.is(map.find(address), undefined)
})

test('the newest entry has an address, and older ones what is left', t => {
  const map = table('1000 100 old\n', '1040 40 new\n')
  t.is(map.find(0x103f)?.name, 'old')
  t.is(map.find(0x1040)?.name, 'new')
  t.is(map.find(0x107f)?.name, 'new')
  t.is(map.find(0x1080)?.name, 'old')
  map.add(new TextEncoder().encode('1000 100 newest\n'))
  t.is(map.find(0x1040)?.name, 'newest')
})

test('an address is named by the newest entry of its time, or by what came to be where nothing was', t => {
  const map = table('1000 100 old\n', '1040 40 middle\n', '1000 100 newest\n', '2000 10 late\n')
  t.is(map.find(0x1040, 1)?.name, 'old')
  t.is(map.find(0x1040, 2)?.name, 'middle')
  t.is(map.find(0x1000, 2)?.name, 'old')
  t.is(map.find(0x1040, 3)?.name, 'newest')
  t.is(map.find(0x1040, 0)?.name, 'newest')
  t.is(map.find(0x2000, 2)?.name, 'late')
  t.is(map.find(0x3000, 2), undefined)
})

test('lines of another form are passed over', t => {
  const map = table(
    ['RegExp.> src: ', "' flags: ''", '', ' ', 'zz 10 name', '10', '10 20', '10 20 ', '1000 0 empty'].join(
      '\n',
    ),
    '\nffffffffffffffffffff 10 far\n1000 fffffffffffffffff large\n1000 10 f\n',
  )
  t.is(map.length, 1)
  t.is(map.find(0x1000)?.name, 'f')
})

test('many entries are kept', t => {
  const map = table(Array.from({ length: 5000 }, (_, i) => `${(16 * i).toString(16)} 10 f${i}\n`).join(''))
  t.is(map.length, 5000)
  t.is(map.find(16 * 4321 + 3)?.name, 'f4321')
  t.is(table().find(1), undefined)
})

test('entries that come one by one are laid out a few times each', t => {
  const map = new PerfMapTable()
  const count = 3000
  for (let i = 0; i < count; i++) {
    map.add(new TextEncoder().encode(`${(16 * (i % 700)).toString(16)} 10 f${i}\n`))
    t.is(map.find(16 * (i % 700))?.name, `f${i}`)
    // What was there before, by the number of entries of that time.
    if (i >= 700) t.is(map.find(16 * (i % 700) + 15, i)?.name, `f${i - 700}`)
  }
  t.true(map.moved < 12 * count, `${map.moved}`)
})

test('every address gets what a search from the newest entry on says', t => {
  const entry = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 30 }))
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), entries => {
        const lines = entries.map(([start, size], i) => `${start.toString(16)} ${size.toString(16)} f${i}\n`)
        const map = table(...lines)
        for (let address = 0; address < 100; address++) {
          const last = entries.findLastIndex(([start, size]) => address >= start && address < start + size)
          if (map.find(address)?.name !== (last === -1 ? undefined : `f${last}`)) return false
        }
        return true
      }),
    ),
  )
})
