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
  jsonReplacer,
  RingBuffer,
  type RingRecord,
  type VariableSpec,
} from '../index.ts'
import { type Command, parseCommandLine, parseCount, UsageError } from './command.ts'
import { stopSignal, untilAborted } from './stop.ts'

const help = `Usage: ebpf-ts run OBJECT [--set NAME=VALUE]... [--count N] [--json]
                   [--btf FILE]

Loads a compiled BPF object, attaches every program by its section name, and prints
the records of every ring buffer, decoded through the type that the map names as its
value (bytes without one), until Ctrl-C.
Notes on what was attached go to standard error. Needs root.

  --set NAME=VALUE  give a global variable a value before the object is loaded:
                    a number, true or false, text, or JSON for arrays and structs
  --btf FILE        apply CO-RE relocations to the types in FILE, raw BTF or an ELF file
                    with it, for kernels that were built without
  --count N         stop after N records
  --json            print one JSON document per line: {"map": ..., "record": ...}

Exit code: 0 after Ctrl-C or N records, 1 on failure, 2 on wrong use.
`

/** `ebpf-ts run`. */
export const run: Command = {
  help,
  async run(args) {
    const { values, positionals } = parseCommandLine(args, {
      set: { type: 'string', multiple: true },
      btf: { type: 'string' },
      count: { type: 'string' },
      json: { type: 'boolean' },
    })
    const [path, ...extra] = positionals
    if (path === undefined || extra.length > 0) throw new UsageError('give one object file')
    const count = parseCount(values.count, '--count') ?? Number.POSITIVE_INFINITY
    const spec = CollectionSpec.fromFile(path)
    for (const assignment of values.set ?? []) assign(spec, assignment)

    const stop = stopSignal()
    const options: CollectionOptions = values.btf === undefined ? {} : { kernelTypes: values.btf }
    using collection = Collection.load(spec, options)
    using attached = collection.attach({ onError: 'collect' })
    for (const { program, target } of attached.programs) note(`attached ${program.name} to ${target}`)
    for (const { program, reason } of attached.skipped)
      note(`did not attach ${program.name}: ${reason.message}`)
    for (const { map } of attached.maps) note(`attached the operations of map ${map.name}`)
    for (const { map, reason } of attached.skippedMaps)
      note(`did not attach the operations of map ${map.name}: ${reason.message}`)
    if (attached.programs.length + attached.maps.length === 0) {
      note('nothing is attached')
      return 1
    }
    await printRecords(collection, count, stop, values.json === true ? jsonLine : textLine)
    return 0
  },
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function printRecords(
  collection: Collection,
  count: number,
  signal: AbortSignal,
  format: (record: RingRecord) => string,
): Promise<void> {
  const maps = [...collection.maps.values()].filter(({ type }) => type === 'ringbuf')
  if (maps.length === 0) {
    note('the object has no ring buffer; Ctrl-C detaches')
    await untilAborted(signal)
    return
  }
  using ring = RingBuffer.open(maps)
  let printed = 0
  for await (const record of ring.records({ signal })) {
    process.stdout.write(`${format(record)}\n`)
    if (++printed >= count) break
  }
}

function jsonLine(record: RingRecord): string {
  return JSON.stringify({ map: record.source, record: contentOf(record) }, jsonReplacer)
}

function textLine(record: RingRecord): string {
  return `${record.source} ${inspect(contentOf(record), { breakLength: Number.POSITIVE_INFINITY, depth: null })}`
}

/** The record decoded, or its bytes when the object does not say of what type it is. */
function contentOf(record: RingRecord): unknown {
  try {
    return record.decode()
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
