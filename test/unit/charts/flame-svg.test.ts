import test from 'ava'
import fc from 'fast-check'
import { type FlameGraphSvgOptions, flameGraphSvg } from '../../../src/charts/flame/svg.ts'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import { type Element, elements, parseXml } from '../../support/charts/xml.ts'

const stacks: readonly StackCount[] = [
  { frames: ['main', 'work'], count: 3 },
  { frames: ['main', { name: 'vfs_read', kind: 'kernel' }], count: 1 },
]

/** The boxes: title, left, top, width. */
function boxes(svg: string): [title: string, x: number, y: number, width: number][] {
  return elements(parseXml(svg), 'rect').flatMap(({ attributes, children: [title] }) =>
    title === undefined
      ? []
      : [[title.text, Number(attributes.x), Number(attributes.y), Number(attributes.width)] as const].map(
          each => [...each] as [string, number, number, number],
        ),
  )
}

const draw = (options: FlameGraphSvgOptions = {}): string => flameGraphSvg(stacks, { width: 420, ...options })

test('a box is as wide as its share, above its caller, and says what it is', t => {
  const found = boxes(draw())
  t.deepEqual(
    found.map(([title]) => title),
    ['all, 4 samples', 'main, 4 samples, 100.0 %', 'work, 3 samples, 75.0 %', 'vfs_read, 1 sample, 25.0 %'],
  )
  const [all, main, work, read] = found as [never, never, never, never] as [string, number, number, number][]
  t.deepEqual(
    [all, main, work, read].map(each => [each![1], each![3]]),
    [
      [10, 399.5],
      [10, 399.5],
      [10, 299.5],
      [310, 99.5],
    ],
  )
  t.true(all![2] > main![2] && main![2] > work![2] && work![2] === read![2])
  const icicle = boxes(draw({ orientation: 'icicle' }))
  t.true(icicle[0]![2] < icicle[1]![2] && icicle[1]![2] < icicle[2]![2])
})

test('kinds have colours for light and dark ground, and a legend', t => {
  const svg = draw()
  t.regex(svg, /\.kernel0\{fill:hsl\(/)
  t.notRegex(svg, /\.jit0\{/)
  t.regex(svg, /prefers-color-scheme:dark/)
  const texts = (root: Element): string[] => elements(root, 'text').map(({ text }) => text)
  t.true(texts(parseXml(svg)).includes('kernel'))
  t.false(texts(parseXml(flameGraphSvg([stacks[0]!]))).includes('native'))
})

test('title and notes are shown, times and sizes in their units', t => {
  const svg = draw({ title: 'Off CPU', unit: 'nanoseconds', notes: ['3 lost'] })
  const texts = elements(parseXml(svg), 'text').map(({ text }) => text)
  t.is(texts[0], 'Off CPU')
  t.is(texts.at(-1), '3 lost')
  t.is(boxes(svg)[0]![0], 'all, 4 ns')
})

test('boxes that nobody sees are left out, and counted', t => {
  const wide: StackCount[] = [{ frames: ['wide'], count: 1_000_000 }]
  for (let i = 0; i < 50; i++) wide.push({ frames: [`narrow${i}`, 'inner'], count: 1 })
  const svg = flameGraphSvg(wide)
  t.is(boxes(svg).length, 2)
  t.regex(svg, /100 boxes narrower than 0\.1 pixels not drawn/)
  t.is(boxes(flameGraphSvg(wide, { minWidth: 0 })).length, 102)
})

test('50,000 stacks are a picture of a few megabytes', t => {
  const many = Array.from({ length: 50_000 }, (_, i) => ({
    frames: ['main', `a${i % 7}`, `b${i % 91}`, `c${i % 8000}`, ...new Array<string>(22).fill(`d${i}`)],
    count: 1,
  }))
  const svg = flameGraphSvg(many)
  t.true(svg.length < 4_000_000, String(svg.length))
})

test('no stacks are a picture too', t => {
  for (const none of [[], [{ frames: ['a'], count: 0 }]]) t.is(boxes(flameGraphSvg(none)).length, 1)
})

test('labels are cut to their boxes, whole characters at a time', t => {
  const name = '\u{1f600}'.repeat(200)
  const labels = elements(parseXml(flameGraphSvg([{ frames: [name], count: 1 }], { width: 200 })), 'text')
  const label = labels.find(({ text }) => text.startsWith('\u{1f600}'))!.text
  t.regex(label, /^\u{1f600}+…$/u)
  t.true(label.length < 40)
})

test('a picture is well-formed whatever stands in names, titles and notes', t => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '</title><script>alert(1)</script>',
      ']]>',
      '&lt;',
      '"\'',
      '\u0000\u001b',
      '\ud800',
      '\ufffe\uffff',
      '\u202e',
    ),
  )
  fc.assert(
    fc.property(text, text, text, text, (name, file, title, note) => {
      const svg = flameGraphSvg([{ frames: [{ name, file }, name], count: 1 }], { title, notes: [note] })
      t.deepEqual(elements(parseXml(svg), 'script'), [])
    }),
  )
})

test('options that are none are refused', t => {
  for (const width of [0, Number.NaN, Number.POSITIVE_INFINITY, 1e308, '9' as never])
    t.throws(() => draw({ width }), { instanceOf: RangeError, message: /^width is a number from 100/ })
  t.throws(() => draw({ minWidth: -1 }), { instanceOf: RangeError })
  t.throws(() => draw({ orientation: 'left' as never }), { instanceOf: TypeError })
  t.throws(() => draw({ unit: 'apples' as never }), { instanceOf: TypeError })
})
