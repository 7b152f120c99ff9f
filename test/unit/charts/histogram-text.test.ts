import { readFileSync } from 'node:fs'
import test from 'ava'
import {
  type Histogram,
  linearHistogram,
  log2Histogram,
  type SectionOptions,
} from '../../../src/charts/histogram/histogram.ts'
import { histogramText } from '../../../src/charts/histogram/text.ts'

/** What bcc prints; test/support/charts/bcc-histograms.py has made it. */
interface BccSet {
  readonly name: string
  readonly scale: 'log2' | 'linear'
  readonly label: string
  readonly sectioned: boolean
  readonly options: {
    readonly section_header?: string
    readonly strip_leading_zero?: boolean
    readonly name_of?: 'text' | 'hex'
    readonly bucket_sort_fn?: boolean
  }
  readonly elements: readonly [key: number | [section: string | number, slot: number], count: string][]
  readonly expected: string
}

const sets = JSON.parse(readFileSync('test/unit/charts/golden/bcc-histograms.json', 'utf8')) as BccSet[]

type Section = Uint8Array | number
type Key = readonly [section: Section, slot: number]

function histogramOf({ scale, label, sectioned, options, elements }: BccSet): Histogram {
  if (!sectioned) {
    const counts = elements.map(([slot, count]) => [slot as number, BigInt(count)] as const)
    return scale === 'log2' ? log2Histogram(counts, { label }) : linearHistogram(counts, { label })
  }
  const { section_header: header, name_of: named, bucket_sort_fn: sorted } = options
  const sections: SectionOptions<Key, Section> = {
    split: key => key,
    ...(header === undefined ? {} : { header }),
    ...(named === undefined ? {} : { name: nameOf }),
    ...(sorted === true ? { compare: (a, b) => Buffer.compare(a as Buffer, b as Buffer) } : {}),
  }
  const entries = elements.map(([key, count]): [Key, bigint] => {
    const [section, slot] = key as [string | number, number]
    return [[typeof section === 'number' ? section : charArray(section), slot], BigInt(count)]
  })
  return scale === 'log2'
    ? log2Histogram(entries, { label, sections })
    : linearHistogram(entries, { label, sections })
}

/** A `char[16]`, as a map's key has it. */
function charArray(text: string): Uint8Array {
  const bytes = Buffer.alloc(16)
  bytes.write(text, 'latin1')
  return bytes
}

/** The functions that the script has passed to bcc. */
function nameOf(section: Section): string {
  if (typeof section === 'number') return `0x${section.toString(16)}`
  return Buffer.from(section).toString().replace(/\0+$/, '')
}

test('there are at least twenty sets', t => {
  t.true(sets.length >= 20)
  t.is(new Set(sets.map(({ name }) => name)).size, sets.length)
})

for (const set of sets) {
  test(`text is what bcc prints: ${set.scale}, ${set.name}`, t => {
    const stripLeadingZero = set.options.strip_leading_zero === true
    t.is(histogramText(histogramOf(set), { stripLeadingZero }), set.expected)
  })
}

test('a terminal is safe from labels and names of sections', t => {
  const histogram = log2Histogram([['x\u001b[2J\n', 1n]] as const, {
    label: 'us\u001b]0;\r',
    sections: { split: name => [name, 2] as const, header: 'a\u202eb' },
  })
  t.is(
    histogramText(histogram),
    `\na\\u202eb = x\\x1b[2J\\x0a\n     us\\x1b]0;\\x0d${' '.repeat(6)} : count     distribution\n` +
      `         0 -> 1          : 0        |${' '.repeat(40)}|\n         2 -> 3          : 1        |${'*'.repeat(40)}|\n`,
  )
})
