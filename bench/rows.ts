/**
 * The rows of the benchmark: what an operation is, and what a good result. Pure.
 *
 * A contestant is a process that speaks the protocol of `protocol.ts`; it does the rows that it knows. Where a row has a
 * second way to do the same work, such as a walk in batches, that is a row of its own, named `ROW-VARIANT`, and is
 * shown in the same line as the contestant `NAME-VARIANT`.
 *
 * Every row verifies its work outside of the timing: values that are read are those that were written, and records are
 * as many as were made, each with the expected content.
 *
 * @module
 */

/** A limit for what was measured. */
export type Bar =
  /** Our time is at most `most` times that of a contestant; 1 means ahead of it. */
  | { readonly kind: 'ratio'; readonly to: string; readonly most: number }
  /** The time of an operation is at most so many nanoseconds: ours, or that of another way of ours. */
  | { readonly kind: 'time'; readonly of: string; readonly most: number }
  /** A number that a sweep of ours reports as `extra` is at most so much. */
  | { readonly kind: 'extra'; readonly name: string; readonly most: number; readonly unit: string }

/**
 * How a row is measured. `'sweep'`: many times in one process. `'process'`: each time in a new one, which is cold.
 * `'once'`: one time in a new process, because it takes long and has no spread that matters.
 */
export type RowMode = 'sweep' | 'process' | 'once'

/** One line of the table. */
export interface Row {
  readonly name: string
  /** What is timed, precisely: contestants do the same. */
  readonly operation: string
  readonly mode: RowMode
  readonly bars: readonly Bar[]
  /** Second ways of the same work that a contestant may know. */
  readonly variants?: readonly string[]
  /** Whether our own two ways into the kernel are told apart: `ours` is the default one, `ours-koffi` always koffi. */
  readonly backends?: boolean
}

const ratio = (to: string, most: number): Bar => ({ kind: 'ratio', to, most })
const time = (most: number, of = 'ours'): Bar => ({ kind: 'time', of, most })
const extra = (name: string, most: number, unit: string): Bar => ({ kind: 'extra', name, most, unit })

const MICROSECOND = 1e3
const MILLISECOND = 1e6
const MEGABYTE = 1e6

const sweep = (
  name: string,
  operation: string,
  bars: readonly Bar[],
  more: Pick<Row, 'variants' | 'backends'> = {},
): Row => ({ name, operation, mode: 'sweep', bars, ...more })

/** Keys are 0 to 999 in turn. Bytes are made before the timing. */
const SMALL = '1000 elements, 4-byte key, 8-byte value; the value of key i was i + 1'
const LARGE = '1000 elements, 16-byte key (the index, then zeros), 64-byte value (8 words i + 1)'

/** Single elements: at most 1.4 times C, ahead of the other libraries. */
const elements = [ratio('c', 1.4), ratio('cilium', 1), ratio('npm-bpf', 1)]
const largeElements = [ratio('c', 1.6)]
const backends = { backends: true }

const elementRows: readonly Row[] = [
  sweep('hash-get', `Lookup in a hash of ${SMALL}. Key and value as bytes`, elements, backends),
  sweep('hash-set', `Update of a key that exists, in a hash of ${SMALL}. As bytes`, elements, backends),
  sweep(
    'hash-update-delete',
    `A pair: update of a key that is not there, then its deletion, in a hash with room for 2000, 1000 of them taken. As bytes`,
    elements,
    backends,
  ),
  sweep('array-get', `Lookup in an array of ${SMALL}. As bytes`, elements, backends),
  sweep('array-set', `Update in an array of ${SMALL}. As bytes`, elements, backends),
  sweep('hash-get-typed', 'As hash-get, with a 32-bit key and a 64-bit value as numbers', elements),
  sweep('hash-set-typed', 'As hash-set, with numbers', elements),
  sweep('hash-update-delete-typed', 'As hash-update-delete, with numbers', elements),
  sweep('array-get-typed', 'As array-get, with numbers', elements),
  sweep('array-set-typed', 'As array-set, with numbers', elements),
  sweep('hash-get-16-64', `Lookup in a hash of ${LARGE}. As bytes`, largeElements),
  sweep('hash-set-16-64', `Update of a key that exists, in a hash of ${LARGE}. As bytes`, largeElements),
  sweep('percpu-get', `Lookup in a percpu_hash of ${LARGE}, for each possible CPU. As bytes`, largeElements),
  sweep('percpu-set', `Update of a key that exists, in a percpu_hash of ${LARGE}. As bytes`, largeElements),
]

/** At most 1.5 times C's batch, five times faster than any default iterator. */
const walkBars = [ratio('c-batch', 1.5), ...['c', 'cilium', 'aya', 'npm-bpf'].map(peer => ratio(peer, 0.2))]
const walk = (count: string): string =>
  `An entry of a walk over a hash of ${count} elements (4-byte key, 8-byte value, bytes, full) with the iterator that a ` +
  'user would take first: for C get_next_key and lookup. The variant "batch" reads many per system call'

const memoryRows: readonly Row[] = [
  sweep('walk-1000', walk('1000'), walkBars, { variants: ['batch'] }),
  sweep('walk-100000', walk('100,000'), walkBars, { variants: ['batch'] }),
  sweep('variable-get', 'Read of `counter`, a 32-bit global variable of variables.bpf.o, as a number', [
    time(10),
  ]),
  sweep('variable-set', 'Write of `counter`, a 32-bit global variable, of a new number each time', [
    time(10),
  ]),
  sweep('variable-get-64', 'Read of `total`, a 64-bit global variable, as a 64-bit integer', [time(10)]),
  sweep('variable-set-64', 'Write of `total`, a 64-bit global variable, of a new number each time', [
    time(10),
  ]),
  sweep(
    'array-mmap-get',
    'Read of a 64-bit element of a memory-mapped array of 1000, each in turn, as a 64-bit integer',
    [time(10)],
  ),
]

/** At most three times libbpf, ahead of cilium/ebpf. */
const drainBars = [ratio('libbpf', 3), ratio('cilium', 1)]
const drain = (size: number): Row =>
  sweep(
    `ring-drain-${size}`,
    `A record of ${size} bytes read in place: the callback adds up the first 32-bit word and the length. The ring of ` +
      `1 MiB was filled by ${size === 8 ? '60,000' : size === 32 ? '26,000' : '3900'} runs of produce_${size} of ring.bpf.o`,
    drainBars,
  )

const ringRows: readonly Row[] = [
  drain(8),
  drain(32),
  drain(256),
  sweep(
    'ring-decode',
    'A record of `struct event` (five members) as an object with five members, their types taken from BTF where the ' +
      'library can; pid is added up. The ring was filled by 18,000 runs of produce_event',
    [time(100)],
  ),
  sweep(
    'ring-decode-shared',
    'The record of ring-decode, read by two worker threads that share the ring, from the moment in which they are woken ' +
      'until the last record is decoded. The variant "one" has one worker: two are at least 1.6 times as fast',
    [ratio('ours-one', 1 / 1.6)],
    { variants: ['one'] },
  ),
  sweep(
    'ring-copy-32',
    'A record of 32 bytes, copied to memory that stays valid; its first byte is added up. The ring was filled as for ring-drain-32',
    [time(100)],
  ),
  sweep(
    'ring-for-await',
    'A record of 32 bytes in the idiomatic waiting loop (`for await`, channel, blocking Read), in bursts of 1000 that ' +
      'are there before the clock starts. The variant "copy" drains such bursts with copies',
    [ratio('ours-copy', 2)],
    { variants: ['copy'] },
  ),
  sweep(
    'ring-decode-for-await',
    'The record of ring-decode in such a loop: copied, awaited, and decoded to an object with five members',
    [time(200)],
  ),
  sweep(
    'ring-latency',
    'From bpf_ktime_get_ns in the kernel to the callback in an idle process that waits, of one record every 2 ms made ' +
      'by produce_time in another thread; median of a sweep of 100. extra.p99 in nanoseconds',
    [time(80 * MICROSECOND), time(80 * MICROSECOND, 'ours-koffi')],
    backends,
  ),
  {
    name: 'ring-soak',
    operation:
      'A record of 16 to 72 bytes made at full rate by produce_checked in one thread and checked by one consumer, for ' +
      '`seconds` of the request. extra: sent, received, lost (as counted by the program), torn, missing (sent - received - lost)',
    mode: 'once',
    bars: [extra('torn', 0, 'records'), extra('missing', 0, 'records')],
  },
  {
    name: 'ring-worker-busy',
    operation:
      'Delay of the event loop of the main thread, p99, while a worker thread reads a ring at full rate and the main ' +
      'thread works in pieces of 1 ms; extra.reader: while the main thread reads and the worker works',
    mode: 'once',
    bars: [time(5 * MILLISECOND), extra('reader', 5 * MILLISECOND, 'ns')],
  },
]

/** At most twice libbpf, ahead of cilium/ebpf. */
const perfBars = [ratio('libbpf', 2), ratio('cilium', 1)]
const perfDrain = (size: number): Row =>
  sweep(
    `perf-drain-${size}`,
    `A record of ${size} bytes, and 4 of padding, of a perf buffer with 4 MiB for each CPU, read in place as in ring-drain-${size}: ` +
      'the records of all CPUs, filled by produce_N of perf.bpf.o',
    perfBars,
  )

const perfRows: readonly Row[] = [
  perfDrain(8),
  perfDrain(32),
  perfDrain(256),
  sweep(
    'perf-copy-32',
    'The record of perf-drain-32, copied to memory that stays valid; its first byte is added up',
    [ratio('cilium', 1)],
  ),
  sweep(
    'perf-for-await',
    'A record of 32 bytes in the idiomatic waiting loop, in bursts of 1000 that are there before the clock starts',
    [],
  ),
  sweep(
    'perf-latency',
    'As ring-latency, by produce_time of perf.bpf.o',
    [time(80 * MICROSECOND), time(80 * MICROSECOND, 'ours-koffi')],
    backends,
  ),
  {
    name: 'perf-soak',
    operation:
      'As ring-soak, by produce_checked of perf.bpf.o through 256 KiB for each CPU. lost: records that the program could ' +
      'not send',
    mode: 'once',
    bars: [extra('torn', 0, 'records'), extra('missing', 0, 'records')],
  },
]

const userRingRows: readonly Row[] = [
  sweep(
    'user-ring-submit',
    'A record of 32 bytes of a user ring buffer of 1 MiB: reserved, its first word written, and submitted; 26,000 of them, ' +
      'which user-ring.bpf.o then takes without the clock. The variant "send" writes an array of eight numbers by a codec',
    [time(200)],
    { variants: ['send'] },
  ),
]

const loadBars = [ratio('cilium', 1)]
const load = (count: number): readonly Row[] => [
  {
    name: `load-${count}`,
    operation: `load-${count}.bpf.o from a file to loaded programs and closed again, the first time in a new process; in-process time`,
    mode: 'process',
    bars: loadBars,
  },
  sweep(
    `load-${count}-warm`,
    `The same again in one process, with whatever the library keeps of the kernel's types (cilium/ebpf: a shared btf.Cache)`,
    loadBars,
  ),
]

const startRows: readonly Row[] = [
  {
    name: 'btf-find',
    operation:
      "The kernel's BTF opened and struct task_struct found by name, in a new process; in-process time. extra.heap: bytes of heap and buffers that this took",
    mode: 'process',
    bars: [ratio('cilium', 1), extra('heap', 10 * MEGABYTE, 'bytes')],
  },
  ...load(10),
  ...load(30),
  {
    name: 'cycles-1000',
    operation:
      'One of the first 1000 cycles of load-10-warm in one process. extra: heapGrowth and rssGrowth, bytes that the third 1000 take more than the second (peers: cycles 200 to 1000)',
    mode: 'once',
    bars: [extra('heapGrowth', 0.5 * MEGABYTE, 'bytes'), extra('rssGrowth', 8 * MEGABYTE, 'bytes')],
  },
  {
    name: 'kallsyms-first',
    operation:
      '/proc/kallsyms read and parsed, then one address found (vfs_read + 4) and one name (vfs_write), in a new process; in-process time',
    mode: 'process',
    bars: [ratio('c', 1.3)],
  },
  sweep('kallsyms-addr', 'The symbol of an address, after the first; addresses all over the kernel', [
    time(2 * MICROSECOND),
  ]),
  sweep('kallsyms-name', 'The address of a name, after the first; names all over the kernel', [
    time(2 * MICROSECOND),
  ]),
  {
    name: 'import',
    operation:
      'A whole process of Node.js that imports the package and makes its first call into the kernel, less an empty one: the ' +
      'least of three of each. extra.import: without the call',
    mode: 'process',
    bars: [time(60 * MILLISECOND), extra('import', 25 * MILLISECOND, 'ns')],
  },
  sweep(
    'attach-1000',
    'attach.bpf.o to the first 1000 functions of available_filter_functions that belong to no module and have a name of ' +
      'their own, by name with one kprobe_multi link (5.18); detaching is not timed',
    [ratio('libbpf', 1.1)],
  ),
]

/** All rows, in the order in which they are shown. */
export const rows: readonly Row[] = [
  ...elementRows,
  ...memoryRows,
  ...ringRows,
  ...perfRows,
  ...userRingRows,
  ...startRows,
]

/**
 * The rows whose names match one of the patterns, `*` standing for anything; all without patterns.
 *
 * @throws RangeError when a pattern matches none
 */
export function pickRows(patterns: readonly string[]): readonly Row[] {
  if (patterns.length === 0) return rows
  const matchers = patterns.map(pattern => {
    const quoted = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')
    const matcher = new RegExp(`^${quoted}$`)
    if (!rows.some(({ name }) => matcher.test(name))) {
      throw new RangeError(
        `Unknown row ${pattern}: expected one of ${rows.map(({ name }) => name).join(', ')}`,
      )
    }
    return matcher
  })
  return rows.filter(({ name }) => matchers.some(matcher => matcher.test(name)))
}
