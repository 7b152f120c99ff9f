import test from 'ava'
import fc from 'fast-check'
import { styled, textOf } from '../../../src/cli/output/span.ts'
import { type Cell, type Column, layoutTable } from '../../../src/cli/output/table.ts'
import { columnsOf } from '../../../src/cli/output/width.ts'

const columns: readonly Column[] = [{ title: 'NAME' }, { title: 'HELD BY' }, { title: 'BYTES', number: true }]

/** The lines of a table, as text. */
function lines(rows: readonly (readonly Cell[])[], width?: number): string[] {
  return layoutTable(columns, rows, width).map(spans => spans.map(textOf).join(''))
}

test('columns are as wide as their widest cell, numbers flush right', t => {
  t.deepEqual(
    lines([
      ['events', 'node(12)', 4096],
      ['a', '-', 1n << 40n],
    ]),
    ['NAME    HELD BY           BYTES', 'events  node(12)           4096', 'a       -         1099511627776'],
  )
})

test('without rows there is the heading', t => {
  t.deepEqual(lines([]), ['NAME  HELD BY  BYTES'])
})

test('where the terminal is narrow the widest text is cut first, numbers never', t => {
  const rows = [['a_very_long_name_of_a_map', 'systemd-resolved(1234)', 123_456_789]] as const
  t.deepEqual(lines(rows, 80), [
    'NAME                       HELD BY                     BYTES',
    'a_very_long_name_of_a_map  systemd-resolved(1234)  123456789',
  ])
  t.deepEqual(lines(rows, 40), [
    'NAME           HELD BY             BYTES',
    'a_very_long_…  systemd-resol…  123456789',
  ])
})

test('where nothing fits a row is a block of lines', t => {
  const rows = [
    ['a_very_long_name', 'node(1)', 123_456_789],
    ['b', '-', 1],
  ] as const
  t.deepEqual(lines(rows, 20), [
    'NAME     a_very_long_name',
    'HELD BY  node(1)',
    'BYTES    123456789',
    '',
    'NAME     b',
    'HELD BY  -',
    'BYTES    1',
  ])
})

test('wide characters and escapes keep the columns in line', t => {
  t.deepEqual(
    lines([
      ['日本', 'x', 1],
      ['a\x1b[2J', 'y', 2],
    ]),
    ['NAME      HELD BY  BYTES', '日本      x            1', 'a\\x1b[2J  y            2'],
  )
})

test('styles stand around the cell, not around what fills the column', t => {
  const [, row] = layoutTable(columns, [[styled('red', 'failure'), 'x', 1]], undefined)
  t.deepEqual(row![0], { text: 'failure', style: 'red' })
})

test('a table never exceeds the terminal, but for blocks', t => {
  const cell = fc.string({ unit: 'binary', maxLength: 40 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, fc.nat()), { minLength: 1 }),
      fc.integer({ min: 35, max: 100 }),
      (rows, width) => {
        for (const line of lines(rows, width)) {
          t.true(columnsOf(line) <= width, line)
          t.notRegex(line, /\p{Cc}/u)
        }
      },
    ),
  )
  t.pass()
})

test('100,000 rows are laid out', t => {
  t.is(lines(Array.from({ length: 100_000 }, (_, i) => [`map${i}`, '-', i])).length, 100_001)
})
