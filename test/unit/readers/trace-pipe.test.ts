import test from 'ava'
import fc from 'fast-check'
import { parseTraceLine, parseTraceLoss, type TraceLine } from '../../../src/readers/trace-pipe/parse.ts'
import { TraceSource } from '../../../src/readers/trace-pipe/trace-source.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** What a line says, without the line itself. */
function parse(text: string): Omit<TraceLine, 'line'> {
  const { line, ...rest } = parseTraceLine(bytes(text))
  if (line !== text) throw new Error(line)
  return rest
}

const lines: Readonly<Record<string, Omit<TraceLine, 'line'>>> = {
  '            node-4242    [001] ...21  1234.567890: bpf_trace_printk: hello, world': {
    task: 'node',
    pid: 4242,
    cpu: 1,
    flags: '...21',
    timestamp: 1234.56789,
    event: 'bpf_trace_printk',
    message: 'hello, world',
  },
  // Four flags before 5.17, and a thread group with the option record-tgid.
  '           <...>-7       (-------) [127] d.h. 1.000001: bpf_trace_printk: a: b: c': {
    task: '<...>',
    pid: 7,
    cpu: 127,
    flags: 'd.h.',
    timestamp: 1.000001,
    event: 'bpf_trace_printk',
    message: 'a: b: c',
  },
  // A name with all that the header has; 15 bytes.
  ' a-1 [000] .: 5:-99      (     12) [000] ..... 99999.000000: sched_switch: prev_comm=x': {
    task: 'a-1 [000] .: 5:',
    pid: 99,
    cpu: 0,
    flags: '.....',
    timestamp: 99999,
    event: 'sched_switch',
    message: 'prev_comm=x',
  },
  // A clock that counts, without flags (option irq-info off), and a message without a name.
  '            bash-1       [000]  17: vfs_read <-ksys_read': {
    task: 'bash',
    pid: 1,
    cpu: 0,
    flags: undefined,
    timestamp: 17,
    event: undefined,
    message: 'vfs_read <-ksys_read',
  },
  'and a second line of the message': {
    task: undefined,
    pid: undefined,
    cpu: undefined,
    flags: undefined,
    timestamp: undefined,
    event: undefined,
    message: 'and a second line of the message',
  },
}
for (const [line, expected] of Object.entries(lines)) {
  test(`a line is read: ${line.trim()}`, t => {
    t.deepEqual(parse(line), expected)
  })
}

test('names of tasks are bytes: columns are counted in them', t => {
  // 15 bytes, of which the last character is cut.
  const name = Buffer.from('ééééééééé').subarray(0, 15)
  const line = Buffer.concat([bytes(' '), name, bytes('-5       [000] ..... 1.000000: bpf_trace_printk: ü')])
  const { task, pid, message } = parseTraceLine(line)
  t.deepEqual([task, pid, message], ['ééééééé\ufffd', 5, 'ü'])
})

test('lost events are told from lines', t => {
  t.deepEqual(parseTraceLoss(bytes('CPU:3 [LOST 1234 EVENTS]')), { cpu: 3, count: 1234 })
  t.deepEqual(parseTraceLoss(bytes('CPU:0 [LOST EVENTS]')), { cpu: 0, count: undefined })
  for (const line of [
    '',
    'C',
    'CPU:',
    'CPU:x [LOST 1 EVENTS]',
    ' CPU:0 [LOST 1 EVENTS]',
    'CPU:0 [LOST 1 EVENTS] ',
  ])
    t.is(parseTraceLoss(bytes(line)), undefined)
})

test('any bytes are a line', t => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .constantFrom(...Object.keys(lines), 'CPU:1 [LOST ', '[000]', '-1 ', ': ', '....')
      .map(text => bytes(text)),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), pieces => {
      const line = Buffer.concat(pieces)
      t.is(parseTraceLine(line).line, line.toString())
      parseTraceLoss(line)
    }),
  )
})

test('a hostile line is read in time', t => {
  for (const text of [
    ' '.repeat(60_000),
    '1'.repeat(60_000),
    `${' '.repeat(16)}-1${' '.repeat(60_000)}`,
    '(-'.repeat(30_000),
  ])
    t.is(parseTraceLine(bytes(text)).task, undefined)
})

/** A source of which each read gives one piece. */
function sourceOf(pieces: readonly Uint8Array[]): { source: TraceSource; losses: unknown[] } {
  const left = [...pieces]
  const losses: unknown[] = []
  const read = (buffer: Uint8Array): number => {
    const piece = left.shift()
    if (piece === undefined) return 0
    buffer.set(piece)
    return piece.length
  }
  return { source: new TraceSource('', read, loss => losses.push(loss)), losses }
}

test('lines are put together, however they are cut, and losses are passed on', t => {
  const text = `${Object.keys(lines).join('\n')}\nCPU:1 [LOST 5 EVENTS]\n\nlast\n`
  const expected = [...Object.keys(lines), '', 'last']
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 60 }), fc.boolean(), (sizes, take) => {
      const pieces: Uint8Array[] = []
      let at = 0
      for (const size of [...sizes, 1000]) {
        if (at < text.length) pieces.push(bytes(text.slice(at, at + size)))
        at += size
      }
      const { source, losses } = sourceOf(pieces)
      const found: string[] = []
      if (take) for (let line = source.take(); line !== undefined; line = source.take()) found.push(line.line)
      else source.drain(({ line }) => found.push(line), Number.POSITIVE_INFINITY)
      t.deepEqual(found, expected)
      t.deepEqual(losses, [{ cpu: 1, count: 5 }])
    }),
  )
})

test('a line without an end is given out in pieces, and memory stays bounded', t => {
  const { source } = sourceOf(Array.from({ length: 40 }, () => new Uint8Array(20_000).fill(0x61)))
  const found: number[] = []
  source.drain(({ line }) => found.push(line.length), Number.POSITIVE_INFINITY)
  t.deepEqual(
    found,
    Array.from({ length: 12 }, () => 65_536),
  )
})

test('the callback may close the pipe, and a limit leaves the rest', t => {
  const { source } = sourceOf([bytes('a\nb\nc\nd\n')])
  t.is(
    source.drain(() => {}, 1),
    1,
  )
  t.is(
    source.drain(({ line }) => {
      if (line === 'c') source.close()
    }, 10),
    2,
  )
  t.is(source.take(), undefined)
})
