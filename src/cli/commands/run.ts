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
  CollectionSpec,
  RingBuffer,
  type RingRecord,
  type VariableSpec,
} from '../../index.ts'
import { type Command, defineCommand } from '../form/command.ts'
import { CommandFailure, type FailureFacts, failureFacts } from '../form/failure.ts'
import { count, text, texts } from '../form/option.ts'
import { UsageError } from '../form/usage-error.ts'
import type { Output } from '../output/output.ts'
import { untilAborted } from '../output/stop.ts'
import { printStream } from '../output/stream.ts'

/** `ebpf-ts run`. */
export const command: Command = defineCommand({
  positionals: ['OBJECT'],
  options: {
    set: texts(
      'NAME=VALUE',
      'give a global variable a value before the object is loaded: a number, true or false, text, or JSON for arrays and structs',
    ),
    btf: text(
      'FILE',
      'apply CO-RE relocations to the types in FILE, raw BTF or an ELF file with BTF, for kernels without their own',
    ),
    count: count('N', 'stop after N records'),
  },
  json: { form: 'lines', help: 'print one JSON document per line: {"map": ..., "record": ...}' },
  description: [
    `Loads a compiled BPF object, attaches every program by its section name, and prints the records of every ring
    buffer until Ctrl-C: decoded through the type that the map names as its value, as bytes where it names none.`,
    'Notes about what is attached go to standard error. Needs root.',
  ],
  examples: [
    { line: 'tool.bpf.o --set min_ns=1000000 --count 10', does: 'set a variable, print ten records' },
    { line: 'tool.bpf.o --json', does: 'print records for other programs, until Ctrl-C' },
  ],
  exit: { done: 'after Ctrl-C or N records', failed: 'on failure, and when nothing is attached' },
  async run({ positionals: [path], values, json, out, notes, stop }) {
    const spec = CollectionSpec.fromFile(path)
    for (const assignment of values.set) assign(spec, assignment)

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
      throw new CommandFailure('CLI_NOTHING_ATTACHED', 'nothing is attached', { skipped })
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

/** Applies `NAME=VALUE`, reading the text as what the variable holds now. */
function assign(spec: CollectionSpec, assignment: string): void {
  const equals = assignment.indexOf('=')
  if (equals <= 0) throw new UsageError(`--set needs NAME=VALUE, not ${JSON.stringify(assignment)}`)
  const name = assignment.slice(0, equals)
  const text = assignment.slice(equals + 1)
  try {
    const variable = spec.variables.get(name)
    variable.set(parseValue(variable, text))
  } catch (error) {
    throw new UsageError(`--set ${assignment}: ${(error as Error).message}`)
  }
}

function parseValue(variable: VariableSpec, text: string): unknown {
  const current = variable.get()
  switch (typeof current) {
    case 'bigint':
    case 'number':
      // Empty text would be 0, and `BigInt` would call what it does not understand a syntax error.
      if (!NUMBER.test(text)) throw new TypeError(`it needs a number, not ${JSON.stringify(text)}`)
      return typeof current === 'bigint' ? parseNumber(BigInt, text) : parseNumber(Number, text)
    case 'boolean':
      if (text === 'true' || text === '1') return true
      if (text === 'false' || text === '0') return false
      throw new TypeError('it needs true or false')
    case 'string':
      return text
    default:
      return JSON.parse(text)
  }
}

/** Decimal, with a fraction for floating point numbers, or hexadecimal. */
const NUMBER = /^-?(0[xX][0-9a-fA-F]+|\d+(\.\d+)?)$/

/** `BigInt` and `Number` know no sign before hexadecimal digits. */
function parseNumber(parse: (text: string) => number | bigint, text: string): number | bigint {
  return text.startsWith('-') ? -parse(text.slice(1)) : parse(text)
}
