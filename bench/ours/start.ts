/**
 * Rows of what a tool does when it starts: import, the kernel's types, loading, attaching.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Collection, CollectionSpec } from 'ebpf-ts'
import { features, kernelBtf } from 'ebpf-ts/kernel'
import { kprobeMulti } from 'ebpf-ts/links'
import { traceableFunctions } from 'ebpf-ts/symbols'
import { check, clock, now, rounds, type Setup, Unavailable, type Work } from '../work.ts'

/** Work that is done once in a process. */
const once = (sweep: Work['sweep']): Work => ({ sweep, [Symbol.dispose]: () => {} })

/** Bytes of live objects and buffers. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  collect()
  // What the first leaves to be swept in the background, and pages that are empty then.
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const findType: Setup = () =>
  once(() => {
    const before = heap()
    const start = now()
    const type = kernelBtf().findType('struct', 'task_struct')
    const ns = now() - start
    check(type !== undefined && type.members.length > 100, 'struct task_struct was not found')
    return { ns, ops: 1, extra: { heap: heap() - before } }
  })

function loadAndClose(count: number): void {
  using collection = Collection.load(CollectionSpec.fromFile(`bench/bpf/load-${count}.bpf.o`))
  check(collection.programs.size === count, `${collection.programs.size} programs of ${count}`)
}

const loadFirst =
  (count: number): Setup =>
  () =>
    once(() => ({ ns: clock(() => loadAndClose(count)), ops: 1 }))

const loadWarm =
  (count: number): Setup =>
  options => {
    loadAndClose(count)
    return rounds(
      options,
      1,
      () => clock(() => loadAndClose(count)),
      () => {},
    )
  }

const CYCLES = 1000

/** After so many cycles memory is looked at. */
const PART = 200

/**
 * Times a thousand cycles, and compares the memory of the second thousand with that of the third. In the first V8
 * compiles. Then it takes memory for garbage and gives it back as it likes: what is compared is the least of five.
 */
const cycles: Setup = ({ seconds }) =>
  once(() => {
    // Fewer when there is little time, for a test of this row.
    const part = seconds < 1 ? 1 : PART
    const run = (count: number): number =>
      clock(() => {
        for (let i = 0; i < count; i++) loadAndClose(10)
      })
    const leastOfThousand = (): { heap: number; rss: number } => {
      const least = { heap: Number.POSITIVE_INFINITY, rss: Number.POSITIVE_INFINITY }
      for (let done = 0; done < CYCLES / PART; done++) {
        run(part)
        least.heap = Math.min(least.heap, heap())
        least.rss = Math.min(least.rss, process.memoryUsage.rss())
      }
      return least
    }
    const count = (part * CYCLES) / PART
    const time = run(count)
    const before = leastOfThousand()
    const after = leastOfThousand()
    const extra = { heapGrowth: after.heap - before.heap, rssGrowth: after.rss - before.rss }
    return { ns: time / count, ops: count, extra }
  })

/** Nanoseconds that a process takes which runs this module. */
function processTime(source: string): number {
  const args = ['--input-type=module', '--eval', source]
  let result: ReturnType<typeof spawnSync> | undefined
  const time = clock(() => {
    result = spawnSync(process.execPath, args, { encoding: 'utf8' })
  })
  check(result?.status === 0, `a process ended with ${result?.status}: ${result?.stderr}`)
  return time
}

const IMPORT = "import { BpfMap } from 'ebpf-ts'\n"

const SOURCES = {
  empty: '',
  imported: `${IMPORT}if (BpfMap === undefined) process.exit(1)`,
  called: `${IMPORT}BpfMap.create({ name: 'bench', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 }).close()`,
} as const
/** Processes of each kind, in turn: what remains is a difference, and the least of a few is steadier than one. */
const PROCESSES = 3

const importPackage: Setup = ({ milliseconds }) =>
  once(() => {
    const least = {
      empty: Number.POSITIVE_INFINITY,
      imported: Number.POSITIVE_INFINITY,
      called: Number.POSITIVE_INFINITY,
    }
    const count = milliseconds < 100 ? 1 : PROCESSES
    for (let i = 0; i < count; i++) {
      for (const kind of ['empty', 'imported', 'called'] as const) {
        least[kind] = Math.min(least[kind], processTime(SOURCES[kind]))
      }
    }
    const { empty, imported, called } = least
    return { ns: called - empty, ops: count, extra: { import: imported - empty, empty } }
  })

const FUNCTIONS = 1000

const attach: Setup = options => {
  if (features.kprobeMulti.probe() === 'no') throw new Unavailable('the kernel has no kprobe_multi')
  const all = traceableFunctions()
  const times = new Map<string, number>()
  for (const { name } of all) times.set(name, (times.get(name) ?? 0) + 1)
  const symbols = all
    .filter(({ name, module }) => module === undefined && times.get(name) === 1)
    .slice(0, FUNCTIONS)
    .map(({ name }) => name)
  const collection = Collection.load(CollectionSpec.fromFile('bench/bpf/attach.bpf.o'))
  const program = collection.programs.get('empty')
  const round = (): number => {
    const start = now()
    const link = kprobeMulti(program, { symbols })
    const time = now() - start
    check(link.count === FUNCTIONS, `${link.count} functions of ${FUNCTIONS}`)
    link.close()
    return time
  }
  return rounds(options, 1, round, () => collection.close())
}

/** `btf-find` to `attach-1000`. */
export const startSetups: Readonly<Record<string, Setup>> = {
  'btf-find': findType,
  'load-10': loadFirst(10),
  'load-30': loadFirst(30),
  'load-10-warm': loadWarm(10),
  'load-30-warm': loadWarm(30),
  'cycles-1000': cycles,
  import: importPackage,
  'attach-1000': attach,
}
