import { readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { foldedText, parseFolded } from '../../../src/charts/stacks/folded.ts'
import { speedscopeDocument } from '../../../src/charts/stacks/speedscope.ts'
import type { Frame, StackCount } from '../../../src/charts/stacks/stack.ts'
import { type Schema, schemaProblems } from '../../support/charts/schema.ts'

const main: Frame = { name: 'main', file: 'app.c', line: 12 }
const stacks: readonly StackCount[] = [
  { frames: [main, 'work', { name: 'vfs_read', kind: 'kernel' }], count: 3 },
  { frames: [main, { name: 'JS fn', kind: 'jit', file: 'a.js', line: 7, column: 2 }], count: 2n },
  { frames: [main, 'work', { name: 'vfs_read', kind: 'kernel' }], count: 4 },
]

test('folded text has a line for each stack, and adds up those that are equal', t => {
  t.is(foldedText(stacks), 'main;work;vfs_read 7\nmain;JS fn 2\n')
  t.is(foldedText(stacks, { annotate: true }), 'main;work;vfs_read_[k] 7\nmain;JS fn_[j] 2\n')
  t.is(foldedText([]), '')
  t.is(
    foldedText([
      { frames: [], count: 1 },
      { frames: [''], count: 2 },
    ]),
    '[unknown] 3\n',
  )
})

test('counts above 2^53 are exact in folded text', t => {
  const frames = ['a']
  t.is(
    foldedText([
      { frames, count: Number.MAX_SAFE_INTEGER },
      { frames, count: 2 },
    ]),
    'a 9007199254740993\n',
  )
  t.is(
    foldedText([
      { frames, count: 2n ** 63n },
      { frames, count: 1 },
    ]),
    'a 9223372036854775809\n',
  )
  t.deepEqual(parseFolded('a 9223372036854775809\n'), [{ frames: [{ name: 'a' }], count: 2n ** 63n + 1n }])
})

test('no name breaks a line of folded text, or the frames in it', t => {
  t.is(
    foldedText([{ frames: ['a;b', 'c\nd 5', '\u001b[2J\r', 'Lx; 7'], count: 1 }]),
    'a:b;c\\x0ad 5;\\x1b[2J\\x0d;Lx: 7 1\n',
  )
})

test('folded text is read back, with the kinds that it names', t => {
  t.deepEqual(parseFolded('main;std::map<int, int> x;vfs_read_[k] 7\r\n\n  \nf_[j] 0\n'), [
    {
      frames: [{ name: 'main' }, { name: 'std::map<int, int> x' }, { name: 'vfs_read', kind: 'kernel' }],
      count: 7,
    },
    { frames: [{ name: 'f', kind: 'jit' }], count: 0 },
  ])
  t.deepEqual(parseFolded(''), [])
})

test('what is written is what is read', t => {
  const frame = fc.record({
    name: fc.string({ unit: 'binary' }),
    kind: fc.constantFrom('native', 'kernel', 'jit'),
  })
  const stack = fc.record({ frames: fc.array(frame), count: fc.bigInt({ min: 0n, max: 2n ** 60n }) })
  fc.assert(
    fc.property(fc.array(stack), written => {
      const text = foldedText(written as StackCount[], { annotate: true })
      t.is(foldedText(parseFolded(text), { annotate: true }), text)
    }),
  )
})

for (const [line, number] of [
  ['main;work', 1],
  ['a 1\nb x', 2],
  ['a 1\n\nb 1.5', 3],
  ['a -1', 1],
  ['17', 1],
  [`a ${'9'.repeat(1000)}`, 1],
  ['\u001b]0;x\u0007', 1],
] as const) {
  test(`a line without a count is refused: ${JSON.stringify(line).slice(0, 30)}`, t => {
    const error = t.throws(() => parseFolded(line), { code: 'ERR_INVALID_DOCUMENT' })
    t.true(error?.message.startsWith(`Line ${number} is not a folded stack`), error?.message)
    t.notRegex(error!.message, /\p{Cc}/u)
    t.true(error!.message.length < 200)
  })
}

test('counts, frames and units that are none are refused', t => {
  for (const count of [-1, -1n, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2n ** 1024n])
    for (const write of [foldedText, speedscopeDocument])
      t.throws(() => write([{ frames: ['a'], count }]), { instanceOf: RangeError }, String(count))
  t.throws(() => foldedText([{ frames: ['a'], count: '1' as never }]), { instanceOf: TypeError })
  for (const frame of [
    null,
    undefined,
    5,
    {},
    { name: 5 },
    { name: 'a', kind: 'other' },
    { name: 'a', file: 5 },
  ])
    t.throws(() => foldedText([{ frames: [frame as never], count: 1 }]), { instanceOf: TypeError })
  for (const line of [-1, 1.5, Number.NaN])
    t.throws(() => foldedText([{ frames: [{ name: 'a', line }], count: 1 }]), { instanceOf: RangeError })
  t.throws(() => foldedText([{ frames: 'ab' as never, count: 1 }]), { instanceOf: TypeError })
  t.throws(() => speedscopeDocument([], { unit: 'apples' as never }), {
    instanceOf: TypeError,
    message: "apples is not a unit of stacks: 'samples', 'nanoseconds' and 'bytes' are",
  })
})

test('a frame object may change between two stacks', t => {
  function* changing(): Generator<StackCount> {
    const frame = { name: 'a' }
    yield { frames: [frame], count: 1 }
    frame.name = 'b'
    yield { frames: [frame], count: 1 }
  }
  t.is(foldedText(changing()), 'a 1\nb 1\n')
})

const schema = JSON.parse(
  readFileSync('test/support/charts/speedscope/file-format-schema.json', 'utf8'),
) as Schema

test('a speedscope document is what its schema says', t => {
  for (const unit of ['samples', 'nanoseconds', 'bytes'] as const) {
    const document: unknown = JSON.parse(
      JSON.stringify(speedscopeDocument(stacks, { unit, name: 'a\u001b' })),
    )
    t.deepEqual(schemaProblems(document, schema), [])
  }
  t.deepEqual(schemaProblems(JSON.parse(JSON.stringify(speedscopeDocument([]))), schema), [])
})

test('the schema would find what is wrong', t => {
  const { profiles, ...rest } = JSON.parse(JSON.stringify(speedscopeDocument(stacks)))
  t.deepEqual(schemaProblems(rest, schema), ['$ has no profiles'])
  t.not(schemaProblems({ ...rest, profiles: [{ ...profiles[0], unit: 'apples' }] }, schema).length, 0)
  t.not(schemaProblems({ ...rest, profiles: [{ ...profiles[0], samples: [['a']] }] }, schema).length, 0)
  t.not(schemaProblems({ ...rest, profiles, shared: { frames: [{}] } }, schema).length, 0)
})

test('a speedscope document has each frame once, and stacks from the root', t => {
  const document = speedscopeDocument(stacks, { name: 'node', unit: 'nanoseconds' })
  t.deepEqual(document.shared.frames, [
    { name: 'main', file: 'app.c', line: 12 },
    { name: 'work' },
    { name: 'vfs_read' },
    { name: 'JS fn', file: 'a.js', line: 7, col: 2 },
  ])
  const [profile] = document.profiles
  t.deepEqual(profile, {
    type: 'sampled',
    name: 'node',
    unit: 'nanoseconds',
    startValue: 0,
    endValue: 9,
    samples: [
      [0, 1, 2],
      [0, 3],
      [0, 1, 2],
    ],
    weights: [3, 2, 4],
  })
  t.is(speedscopeDocument([]).profiles[0].unit, 'none')
})

test('names in a speedscope document are safe to show', t => {
  const document = JSON.stringify(speedscopeDocument([{ frames: ['\u001b[31m\u202e\ud800'], count: 1 }]))
  t.regex(document, /"\\\\x1b\[31m\\\\u202e\\\\ud800"/)
})
