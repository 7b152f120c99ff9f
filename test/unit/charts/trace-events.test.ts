import test from 'ava'
import { chromeTraceDocument, type TraceEvent } from '../../../src/charts/trace-events.ts'

const start = 3n * 10n ** 16n + 1n
const slice: TraceEvent = {
  kind: 'slice',
  name: 'read',
  pid: 7,
  tid: 8,
  start: start + 1500n,
  duration: 2001,
}

test('times count from the earliest event, in microseconds, and no nanosecond is lost', t => {
  const document = chromeTraceDocument([slice, { kind: 'instant', name: 'open', pid: 7, tid: 8, start }])
  t.deepEqual(document, {
    displayTimeUnit: 'ns',
    traceEvents: [
      { ph: 'i', s: 't', name: 'open', pid: 7, tid: 8, ts: 0 },
      { ph: 'X', dur: 2.001, name: 'read', pid: 7, tid: 8, ts: 1.5 },
    ],
    otherData: { exporter: 'ebpf-ts', origin: '30000000000000001' },
  })
  t.is(chromeTraceDocument([slice], { origin: start }).traceEvents[0]!.ts, 1.5)
  t.deepEqual(chromeTraceDocument([]).traceEvents, [])
})

test('processes and threads have names, events categories and arguments, counters values', t => {
  const { traceEvents } = chromeTraceDocument(
    [
      { ...slice, category: 'fs,io', args: { file: 'a\u001b', bytes: 2n ** 60n, ok: true, ns: 5n } },
      { kind: 'counter', name: 'queue', pid: 7, start: slice.start, values: { depth: 5n, wide: 2n ** 60n } },
    ],
    { processes: new Map([[7, 'no\u0000de']]), threads: [[7, 8, 'main']] },
  )
  t.deepEqual(traceEvents, [
    { ph: 'M', name: 'process_name', pid: 7, args: { name: 'no\\x00de' } },
    { ph: 'M', name: 'thread_name', pid: 7, tid: 8, args: { name: 'main' } },
    {
      ph: 'X',
      dur: 2.001,
      name: 'read',
      cat: 'fs,io',
      pid: 7,
      tid: 8,
      ts: 0,
      args: { file: 'a\\x1b', bytes: '1152921504606846976', ok: true, ns: 5 },
    },
    { ph: 'C', name: 'queue', pid: 7, ts: 0, args: { depth: 5, wide: 2 ** 60 } },
  ])
})

test('times, numbers and kinds that are none are refused', t => {
  for (const wrong of [-1, -1n, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 1024n]) {
    t.throws(() => chromeTraceDocument([{ ...slice, start: wrong }]), { instanceOf: RangeError })
    t.throws(() => chromeTraceDocument([{ ...slice, duration: wrong }]), { instanceOf: RangeError })
    t.throws(() => chromeTraceDocument([], { origin: wrong }), { instanceOf: RangeError })
  }
  t.throws(() => chromeTraceDocument([{ ...slice, args: { x: Number.NaN } }]), { instanceOf: RangeError })
  for (const wrong of [null, undefined, {}, [1], () => 1])
    t.throws(() => chromeTraceDocument([{ ...slice, args: { x: wrong as never } }]), {
      instanceOf: TypeError,
      message: /^An argument of a trace event is a string, number, bigint or boolean, not /,
    })
  for (const wrong of [null, 'text'])
    t.throws(() => chromeTraceDocument([{ ...slice, args: wrong as never }]), { instanceOf: TypeError })
  t.throws(() => chromeTraceDocument([{ ...slice, pid: 1.5 }]), { instanceOf: RangeError })
  t.throws(() => chromeTraceDocument([{ ...slice, kind: 'flow' as 'slice' }]), {
    instanceOf: TypeError,
    message: 'flow is not a kind of trace event',
  })
})
