/**
 * `ebpf-ts run`: loads an object, attaches its programs, prints the records of its ring buffers.
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
import { type Command, defineCommand } from '../form/command.ts'
import { CommandFailure, type FailureFacts, failureFacts } from '../form/failure.ts'
import { count, text } from '../form/option.ts'
import { editObjects, readObject } from '../object/edit.ts'
import { objectOptions } from '../object/options.ts'
import type { Output } from '../output/output.ts'
import { untilAborted } from '../output/stop.ts'
import { printStream } from '../output/stream.ts'

/** `ebpf-ts run`. */
export const command: Command = defineCommand({
  positionals: ['OBJECT'],
  options: {
    ...objectOptions,
    btf: text(
      'FILE',
      'apply CO-RE relocations to the types in FILE, raw BTF or an ELF file with BTF, for kernels without their own',
    ),
    count: count('N', 'stop after N records'),
  },
  json: { form: 'lines', help: 'print one JSON document per line: {"map": ..., "record": ...}' },
  description: [
    `Loads a compiled BPF object, attaches every program by its section name, and prints the records of every ring
    buffer until Ctrl-C: decoded through the type that the map names as its value or --record gives it, as bytes without
    one.`,
    'Notes about what is attached go to standard error. Needs root.',
  ],
  examples: [
    { line: 'tool.bpf.o --set min_ns=1000000 --count 10', does: 'set a variable, print ten records' },
    {
      line: 'tool.bpf.o --record events=event --without on_fentry',
      does: 'decode the records of a map that names no type; leave out a program that this kernel does not take',
    },
    { line: 'tool.bpf.o --json', does: 'print records for other programs, until Ctrl-C' },
  ],
  exit: { done: 'after Ctrl-C or N records', failed: 'on failure, and when nothing is attached' },
  async run({ positionals: [path], values, json, out, notes, stop }) {
    const spec = readObject(path, values)
    editObjects([spec], values)

    const signal = stop()
    const options: CollectionOptions = values.btf === undefined ? {} : { kernelTypes: values.btf }
    using collection = Collection.load(spec, options)
    using attached = collection.attach({ onError: 'collect' })
    for (const { program, target } of attached.programs) notes.line(`attached ${program.name} to ${target}`)
    for (const { program, reason } of attached.skipped)
      notes.line(`did not attach ${program.name}: ${reason.message}`)
    for (const { map } of attached.maps) notes.line(`attached the operations of map ${map.name}`)
    for (const { map, reason } of attached.skippedMaps)
      notes.line(`did not attach the operations of map ${map.name}: ${reason.message}`)
    if (attached.programs.length + attached.maps.length === 0) {
      const skipped: (FailureFacts & { program?: string; map?: string })[] = [
        ...attached.skipped.map(each => ({ program: each.program.name, ...failureFacts(each.reason) })),
        ...attached.skippedMaps.map(each => ({ map: each.map.name, ...failureFacts(each.reason) })),
      ]
      throw new CommandFailure('CLI_NOTHING_ATTACHED', `nothing is attached${whyNothing(spec)}`, { skipped })
    }

    const maps = [...collection.maps.values()].filter(({ type }) => type === 'ringbuf')
    if (maps.length === 0) {
      notes.line('the object has no ring buffer; Ctrl-C detaches')
      await untilAborted(signal)
      return 0
    }
    using ring = RingBuffer.open(maps)
    const print = json ? printDocument : printText
    await printStream(out, ring.records({ signal }), record => print(out, record), {
      signal,
      limit: values.count,
    })
    return 0
  },
})

/** Why nothing was there to be attached, where that is so. */
function whyNothing({ programs }: CollectionSpec): string {
  const optional = [...programs].filter(([, { autoload }]) => autoload === false).map(([name]) => name)
  if (optional.length === 0 || optional.length < programs.size) return ''
  return `: no program is loaded by default; name some with --only: ${optional.join(', ')}`
}

function printDocument(out: Output, record: RingRecord): void {
  out.record({ map: record.source, record: contentOf(record) })
}

function printText(out: Output, record: RingRecord): void {
  const content = inspect(contentOf(record), { breakLength: Number.POSITIVE_INFINITY, depth: null })
  out.line(`${record.source} ${content}`)
}

/** The record decoded, or its bytes when the object does not say of what type it is. */
function contentOf(record: RingRecord): unknown {
  try {
    return record.value
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ERR_NO_BTF') return record.data
    throw error
  }
}
