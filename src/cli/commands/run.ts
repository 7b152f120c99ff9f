/**
 * `ebpf-ts run`: loads an object, attaches its programs, prints the records of its ring buffers and perf buffers, or its maps.
 *
 * @module
 */

import { inspect } from 'node:util'
import {
  BpfError,
  Collection,
  type CollectionOptions,
  type CollectionSpec,
  RingBuffer,
  type RingRecord,
} from '../../index.ts'
import { PerfBuffer, PerfRecord } from '../../readers/index.ts'
import { type Command, defineCommand } from '../form/command.ts'
import { CommandFailure, type FailureFacts, failureFacts } from '../form/failure.ts'
import { count, text } from '../form/option.ts'
import { editObjects, readObject } from '../object/edit.ts'
import { MapPrinter } from '../object/map-printer.ts'
import { objectOptions } from '../object/options.ts'
import { placeOptions, placesOf, whySkipped } from '../object/places.ts'
import type { Output } from '../output/output.ts'
import { untilAborted } from '../output/stop.ts'
import { printStream } from '../output/stream.ts'

/** `ebpf-ts run`. */
export const command: Command = defineCommand({
  positionals: ['OBJECT'],
  options: {
    ...objectOptions,
    ...placeOptions,
    btf: text(
      'FILE',
      'apply CO-RE relocations to the types in FILE, raw BTF or an ELF file with BTF, for kernels without their own',
    ),
    count: count('N', 'stop after N records'),
    maps: count('SECONDS', 'print the maps that programs count in every so many seconds, and at the end'),
  },
  json: {
    form: 'lines',
    help: 'print one JSON document per line: {"map": ..., "record": ...}, with --maps {"map": ..., "entries": ...} too',
  },
  description: [
    `Loads a compiled BPF object, attaches every program by its section name, and prints the records of every ring
    buffer and perf buffer until Ctrl-C: decoded through the type that the object names or --record gives, as bytes without
    one.`,
    `--maps prints hashes, arrays and tries through their types. A value with a member "slots" that is an array of counts is a
    histogram of powers of two, as programs of libbpf-tools have it; nothing else is taken for one.`,
    `What is attached, and how many records of perf buffers were lost, goes to standard error. What ring buffers lose only the
    program can count. Needs root.`,
  ],
  examples: [
    { line: 'tool.bpf.o --set min_ns=1000000 --count 10', does: 'set a variable, print ten records' },
    {
      line: 'tool.bpf.o --record events=event --without on_fentry',
      does: 'decode the records of a map that names no type; leave out a program that this kernel does not take',
    },
    { line: 'counter.bpf.o --maps 5', does: 'print the maps of an object every five seconds' },
    { line: 'filter.bpf.o --device eth0', does: 'attach XDP or tcx programs to a network device' },
    { line: 'tool.bpf.o --json', does: 'print records for other programs, until Ctrl-C' },
  ],
  exit: { done: 'after Ctrl-C or N records', failed: 'on failure, and when nothing is attached' },
  async run({ positionals: [path], values, json, out, notes, stop }) {
    const spec = readObject(path, values)
    editObjects([spec], values)

    const signal = stop()
    const options: CollectionOptions = values.btf === undefined ? {} : { kernelTypes: values.btf }
    using collection = Collection.load(spec, options)
    const maps = [...collection.maps.values()]
    const rings = maps.filter(({ type }) => type === 'ringbuf')
    const perfs = maps.filter(({ type }) => type === 'perf_event_array')
    const ended = new AbortController()
    const printer = new RecordPrinter(out, notes, { json, limit: values.count, ended })
    const reading = { signal: AbortSignal.any([signal, ended.signal]) }
    // Before anything is attached: a perf buffer has no record of the time before it was opened.
    using ring = rings.length === 0 ? undefined : RingBuffer.open(rings)
    using perf = perfs.length === 0 ? undefined : PerfBuffer.open(perfs, { onLost: printer.lost })

    using attached = collection.attach({ ...placesOf(values), onError: 'collect' })
    for (const { program, target } of attached.programs) notes.line(`attached ${program.name} to ${target}`)
    for (const each of attached.skipped)
      notes.line(`did not attach ${each.program.name}: ${whySkipped(each)}`)
    for (const { map } of attached.maps) notes.line(`attached the operations of map ${map.name}`)
    for (const { map, reason } of attached.skippedMaps)
      notes.line(`did not attach the operations of map ${map.name}: ${reason.message}`)
    if (attached.programs.length + attached.maps.length === 0) {
      const skipped: (FailureFacts & { program?: string; map?: string })[] = [
        ...attached.skipped.map(each => ({
          program: each.program.name,
          ...failureFacts(each.reason),
          message: whySkipped(each),
        })),
        ...attached.skippedMaps.map(each => ({ map: each.map.name, ...failureFacts(each.reason) })),
      ]
      throw new CommandFailure('CLI_NOTHING_ATTACHED', `nothing is attached${whyNothing(spec)}`, { skipped })
    }

    const counting = new MapPrinter(out, json, maps)
    using printing = values.maps === undefined ? undefined : every(values.maps, counting.print)
    if (rings.length + perfs.length === 0) {
      const hint =
        printing === undefined && counting.names.length > 0 ? '; --maps SECONDS prints its maps' : ''
      notes.line(`the object has no ring buffer and no perf buffer; Ctrl-C detaches${hint}`)
      await untilAborted(signal)
      if (printing !== undefined) counting.print()
      return 0
    }
    const readers = [ring, perf].filter(each => each !== undefined)
    await Promise.all(
      readers.map(each =>
        // With one of them the others end, also when it fails.
        printStream(out, each.records(reading), printer.print, reading).finally(() => ended.abort()),
      ),
    )
    if (printing !== undefined) counting.print()
    return 0
  },
})

/** Does something every so many seconds, until it is disposed of. */
function every(seconds: number, action: () => void): Disposable {
  const timer = setInterval(action, seconds * 1000)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Why nothing was there to be attached, where that is so. */
function whyNothing({ programs }: CollectionSpec): string {
  const optional = [...programs].filter(([, { autoload }]) => autoload === false).map(([name]) => name)
  if (optional.length === 0 || optional.length < programs.size) return ''
  return `: no program is loaded by default; name some with --only: ${optional.join(', ')}`
}

/** How records are printed. */
interface Printing {
  readonly json: boolean
  readonly limit: number | undefined
  /** Aborted with the last record. */
  readonly ended: AbortController
}

/** Prints the records of all buffers of an object. */
class RecordPrinter {
  readonly #out: Output
  readonly #notes: Output
  readonly #printing: Printing
  /** Maps whose records are bytes. */
  readonly #untyped = new Set<string>()
  #left: number

  constructor(out: Output, notes: Output, printing: Printing) {
    this.#out = out
    this.#notes = notes
    this.#printing = printing
    this.#left = printing.limit ?? Number.POSITIVE_INFINITY
  }

  readonly print = (record: RingRecord): void => {
    if (this.#left === 0) return
    this.#left--
    if (this.#left === 0) this.#printing.ended.abort()
    const { source } = record
    const content = this.#contentOf(record)
    if (this.#printing.json) {
      const cpu = record instanceof PerfRecord ? { cpu: record.cpu } : {}
      this.#out.record({ map: source, ...cpu, record: content })
    } else {
      const text = inspect(content, { breakLength: Number.POSITIVE_INFINITY, depth: null })
      this.#out.line(`${source} ${text}`)
    }
  }

  readonly lost = (cpu: number, count: number, source: string): void => {
    this.#notes.line(`${source}: ${count} records of CPU ${cpu} were lost`)
  }

  /** The record decoded, or its bytes when the object does not say of what type it is. */
  #contentOf(record: RingRecord): unknown {
    try {
      return record.value
    } catch (error) {
      if (!(error instanceof BpfError && error.code === 'ERR_NO_BTF')) throw error
      const { source } = record
      if (!this.#untyped.has(source)) {
        this.#untyped.add(source)
        this.#notes.line(
          `the object does not say of what type the records of ${source} are; --record ${source}=TYPE decodes them`,
        )
      }
      return record.data
    }
  }
}
