import { features } from '../../../src/kernel/probes/features.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { runExample } from '../../support/house/run-example.ts'
import { kernelTest } from '../../support/kernel-test.ts'

/** First two columns of the table of `four-ways`. */
function countsOf(lines: readonly string[]): string[][] {
  return lines.slice(1).map(line => line.split(/\s+/).slice(0, 2))
}

kernelTest(
  'four-ways: all four ways count every call, and nothing else',
  [features.kprobe, features.kprobeMulti, features.trampoline, 'tracefs'],
  t => {
    const { code, lines, stderr } = runExample('four-ways', '1234')
    t.deepEqual([code, stderr], [0, ''])
    t.regex(lines[0]!, /^1234 calls of __(?:x64|arm64)_sys_getpriority$/)
    t.deepEqual(countsOf(lines), [
      ['kprobe', '1234'],
      ['kprobe_multi', '1234'],
      ['fentry', '1234'],
      ['tracepoint', '1234'],
    ])
  },
)

kernelTest('four-ways: what the kernel lacks is listed with the reason', [], t => {
  const { code, lines, stderr } = runExample('four-ways', '10')
  t.deepEqual([code, stderr], [0, ''])
  const counts = countsOf(lines)
  t.deepEqual(
    counts.map(([name]) => name),
    ['kprobe', 'kprobe_multi', 'fentry', 'tracepoint'],
  )
  t.true(counts.every(([, count]) => count === '10' || count === '-'))
  for (const line of lines.filter(each => / - {2}/.test(each))) t.regex(line, / - {2}\S.{10,}/)
})

kernelTest('link-by-hand: a link is found where it was pinned, and nothing stays', [], t => {
  using bpffs = temporaryBpffs()
  const { code, lines, stderr } = runExample('link-by-hand', `${bpffs.path}/my_link`)
  t.deepEqual([code, stderr], [0, ''])
  const output = lines.join('\n')
  const [made, found] = ['made', 'found'].map(
    word => new RegExp(`^${word} \\{[^}]*\\bid: (\\d+),`, 'm').exec(output)?.[1],
  )
  t.truthy(made)
  t.is(found, made)
  t.true(lines.includes(`listed ${made}`))
})
