import test from 'ava'
import fc from 'fast-check'
import type { FlameData } from '../../../src/charts/flame/data.ts'
import { flameGraphHtml } from '../../../src/charts/flame/html.ts'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'

const stacks: readonly StackCount[] = [
  { frames: ['main', { name: 'vfs_read', kind: 'kernel' }], count: 3 },
  { frames: ['main'], count: 1 },
]

const dataOf = (page: string): FlameData =>
  JSON.parse(/<script id="data" type="application\/json">([^<]*)<\/script>/.exec(page)![1]!) as FlameData

test('a page holds the tree, and needs nothing from outside', t => {
  const page = flameGraphHtml(stacks, { title: 'node', notes: ['3 lost'] })
  t.deepEqual(dataOf(page).nodes, [0, 0, 4, 1, 1, 1, 3, 3])
  t.regex(page, /^<!doctype html>\n<html lang="en">/)
  t.regex(page, /Content-Security-Policy" content="default-src 'none';/)
  t.notRegex(page, /https?:|\bsrc=|\bhref=|@import|url\(/)
  t.regex(page, /<title>node<\/title>/)
  t.regex(page, /<div class="minor">3 lost<\/div>/)
  t.regex(page, /<ul id="legend">.*kernel.*native.*<\/ul>/)
  t.notRegex(flameGraphHtml([stacks[1]!]), /<ul id="legend">/)
})

test('boxes beyond the limit are counted on the page', t => {
  const many = Array.from({ length: 100 }, (_, i) => ({ frames: [`f${i}`], count: i < 10 ? 1000 : 2 }))
  const page = flameGraphHtml(many, { maxBoxes: 50 })
  t.is(dataOf(page).nodes.length / 4, 10)
  t.regex(page, /90 of 100 boxes left out: the widest of them stands for 2 samples of 10,180 samples/)
})

test('a page without stacks says so', t => {
  t.regex(flameGraphHtml([]), /No stacks\./)
})

test('no name, title or note becomes part of the page', t => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '</script><script>alert(1)</script>',
      '<!--<script>',
      ']]>',
      '&lt;',
      '"\'`$&',
      '\u0000\u001b\u2028',
      '\ud800',
    ),
  )
  fc.assert(
    fc.property(text, text, text, text, (name, file, title, note) => {
      const page = flameGraphHtml([{ frames: [{ name, file }], count: 1 }], { title, notes: [note] })
      t.is(page.match(/<script/gi)!.length, 2)
      t.is(page.match(/<\/script/gi)!.length, 2)
      t.is(page.match(/<!--/g), null)
      t.notRegex(page, /[^\n\P{Cc}]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      t.is(dataOf(page).frames.length, 1)
    }),
  )
})

test('options that are none are refused', t => {
  for (const maxBoxes of [0, Number.NaN, '9' as never])
    t.throws(() => flameGraphHtml(stacks, { maxBoxes }), { instanceOf: RangeError })
  t.throws(() => flameGraphHtml(stacks, { unit: 'apples' as never }), { instanceOf: TypeError })
})
