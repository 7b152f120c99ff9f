import test from 'ava'
import { linearHistogram, log2Histogram } from '../../../src/charts/histogram/histogram.ts'
import { histogramSvg } from '../../../src/charts/histogram/svg.ts'
import { elements, parseXml } from '../../support/charts/xml.ts'

const texts = (svg: string): string[] => elements(parseXml(svg), 'text').map(({ text }) => text)
const bars = (svg: string): number[] =>
  elements(parseXml(svg), 'rect')
    .filter(({ attributes }) => attributes.class === 'bar')
    .map(({ attributes }) => Number(attributes.width))

test('a histogram has a bar for each bucket that counted, as long as its share', t => {
  const svg = histogramSvg(log2Histogram([0, 5, 0, 10], { label: 'usecs' }), { title: 'Latency' })
  t.deepEqual(texts(svg), ['Latency', 'usecs', 'count', '0 – 1', '5', '2 – 3', '4 – 7', '10'])
  const [half, whole] = bars(svg)
  t.is(half! * 2, whole!)
})

test('values of 64 bits have their place', t => {
  const svg = histogramSvg(log2Histogram([[64, 2n ** 64n]], { label: 'ns' }))
  t.true(texts(svg).includes('9,223,372,036,854,775,808 – 18,446,744,073,709,551,615'))
  t.true(texts(svg).includes('18,446,744,073,709,551,616'))
  t.is(bars(svg).length, 1)
})

test('sections stand below each other, each with its name', t => {
  const counts = [
    ['sda', 4],
    ['dm-0 <b>', 1],
  ] as const
  const svg = histogramSvg(
    linearHistogram(counts, { sections: { split: disk => [disk, 1], header: 'disk' } }),
  )
  t.deepEqual(
    texts(svg).filter(each => each.startsWith('disk')),
    ['disk = sda', 'disk = dm-0 <b>'],
  )
  t.deepEqual(new Set(bars(svg)).size, 1)
})

test('nothing counted is said so, and so is what lies outside of every bucket', t => {
  t.deepEqual(texts(histogramSvg(log2Histogram([0, 0]))), ['nothing was counted'])
  const sections = { split: (key: string) => [key, 1] as const }
  t.deepEqual(texts(histogramSvg(log2Histogram([] as [string, number][], { sections }))), [
    'nothing was counted',
  ])
  t.true(
    texts(histogramSvg(log2Histogram([7]))).includes(
      '7 counted in slot 0, which has no values: see firstSlot',
    ),
  )
})

test('a picture is well-formed whatever labels and names are', t => {
  for (const text of ['</style><script>', '\u001b\u0000', '\ud800\uffff', '"&\'']) {
    const sections = { split: () => [text, 1] as const, header: text }
    const histogram = log2Histogram([[1, 1]] as const, { label: text, sections })
    t.deepEqual(elements(parseXml(histogramSvg(histogram, { title: text })), 'script'), [])
  }
})
