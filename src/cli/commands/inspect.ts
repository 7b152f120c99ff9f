/**
 * `ebpf-ts inspect`: what is in an object, without a kernel.
 *
 * @module
 */

import { inspect as show } from 'node:util'
import { type CoreRelocation, disassembleLines } from '../../asm/index.ts'
import type { CollectionSpec } from '../../index.ts'
import {
  type InspectedExtern,
  type InspectedMap,
  type InspectedProgram,
  type InspectedType,
  type InspectedVariable,
  type Inspection,
  inspectObject,
  type KernelNeeds,
  linkedPrograms,
  relocationSubject,
} from '../../inspect/index.ts'
import { type Command, defineCommand } from '../form/command.ts'
import { flag } from '../form/option.ts'
import { editObjects, readObject } from '../object/edit.ts'
import { objectOptions } from '../object/options.ts'
import type { Output } from '../output/output.ts'

/** `ebpf-ts inspect`. */
export const command: Command = defineCommand({
  positionals: ['OBJECT'],
  options: {
    ...objectOptions,
    disassemble: flag(
      'print the instructions of every program, with the functions that it uses, its source lines, and notes on what is relocated',
    ),
  },
  json: { form: 'document', help: 'print one JSON document, which docs/inspect.md describes' },
  exclusive: [['json', 'disassemble']],
  description: [
    `Shows what is in a compiled BPF object: its programs, maps, variables, externs and CO-RE relocations, and the first
    Linux release that has all it needs. It asks no kernel, so it needs no root, and works on every operating system.`,
    'Options that change the object show it as changed: what is left out is not counted among its needs.',
  ],
  examples: [
    { line: 'tool.bpf.o', does: 'show what is in it' },
    { line: 'tool.bpf.o --disassemble', does: 'show its instructions' },
    { line: 'tool.bpf.o --without on_fentry', does: 'show what it needs without one of its programs' },
  ],
  exit: { done: 'done', failed: 'when the object cannot be read, or its code yields no program' },
  run({ positionals: [path], values, json, out, notes, name }) {
    const spec = readObject(path, values)
    editObjects([spec], values)
    if (json) out.document(inspectObject(spec))
    else if (values.disassemble) writeListing(out, spec)
    else writeSummary(out, inspectObject(spec))
    if (spec.noPrograms === undefined) return 0
    if (!json) notes.line(`${name}: ${path} has no programs: ${spec.noPrograms}`)
    return 1
  },
})

function writeListing(out: Output, spec: CollectionSpec): void {
  let isFirst = true
  for (const { name, program, instructions } of linkedPrograms(spec)) {
    const btf = program.btf ?? spec.btf
    if (!isFirst) out.line()
    isFirst = false
    out.line(`Program ${name} (${program.sectionName})`)
    const relocations = (each: CoreRelocation): string => relocationSubject(each, btf)
    for (const line of disassembleLines(instructions, { relocations })) out.line(line)
  }
}

function writeSummary(out: Output, object: Inspection): void {
  const license = object.license === '' ? 'no license' : `license ${object.license}`
  out.line(`${object.byteOrder}-endian, ${license}`)
  const lines = [
    ...needsLine(object.needs),
    ...section('Programs', object.programs, programLines),
    ...section('Maps', object.maps, mapLines),
    ...section('Variables', object.variables, variableLines),
    ...section('Externs', object.externs, externLines),
  ]
  for (const line of lines) out.line(line)
}

function section<T>(title: string, items: readonly T[], format: (item: T) => string[]): string[] {
  if (items.length === 0) return []
  return ['', title, ...items.flatMap(format).map(line => `  ${line}`)]
}

function needsLine({ since, because }: KernelNeeds): string[] {
  return since === null ? [] : [`needs Linux ${since}: ${because.join(', ')}`]
}

function programLines(program: InspectedProgram): string[] {
  const facts = [String(program.type)]
  if (program.attachType !== null) facts.push(String(program.attachType))
  facts.push(counted(program.instructions, 'instruction'))
  if (program.sleepable) facts.push('sleepable')
  if (!program.autoload) facts.push('not loaded by default')
  const lists: [string, readonly string[]][] = [
    ['subprograms', program.subprograms],
    ['helpers', program.helpers],
    ['maps', program.maps],
    ['externs', program.externs],
    ['CO-RE', program.relocations.map(({ kind, subject, count }) => `${kind} of ${subject}${times(count)}`)],
  ]
  const details = lists.flatMap(([name, list]) => (list.length === 0 ? [] : [`${name}: ${list.join(', ')}`]))
  return [
    `${program.name}${program.section === null ? '' : ` (${program.section})`}`,
    ...[facts.join(', '), ...details, ...needsLine(program.needs)].map(line => `  ${line}`),
  ]
}

function times(count: number): string {
  return count === 1 ? '' : ` (${count} times)`
}

function mapLines(map: InspectedMap): string[] {
  const facts = [String(map.type)]
  if (map.keySize > 0) facts.push(`key ${element(map.key, map.keySize)}`)
  if (map.valueSize > 0 || map.value !== null) facts.push(`value ${element(map.value, map.valueSize)}`)
  if (map.record !== null) facts.push(`records ${map.record.type}`)
  facts.push(map.maxEntries === 1 ? '1 entry' : `${map.maxEntries} entries`)
  if (map.flags !== 0) facts.push(`flags 0x${map.flags.toString(16)}`)
  if (map.mapExtra !== 0n) facts.push(`extra 0x${map.mapExtra.toString(16)}`)
  if (map.pinPath !== null) facts.push(`pinned at ${map.pinPath}`)
  else if (map.pinning === 'by_name') facts.push('pinned by name')
  else if (map.pinning !== 'none') facts.push(`pinning ${map.pinning}`)
  if (map.frozen) facts.push('frozen')
  if (!map.autocreate) facts.push('not created by default')
  if (map.contents > 0) facts.push(counted(map.contents, 'initial element'))
  const definitions = new Set([map.key, map.value, map.record].map(each => each?.definition))
  const layout = [...definitions].flatMap(each => each?.split('\n') ?? [])
  const inner = map.inner === null ? [] : mapLines(map.inner)
  const [innerTitle = '', ...rest] = inner
  const programs = map.programs.map(({ member, program }) => `  ${member} is ${program}`)
  return [
    map.name,
    `  ${facts.join(', ')}`,
    ...layout.map(line => `    ${line.replaceAll('\t', '  ')}`),
    ...programs,
    ...(inner.length === 0 ? [] : [`  of ${innerTitle}`, ...rest.map(line => `  ${line}`)]),
  ]
}

function element(type: InspectedType | null, size: number): string {
  const bytes = counted(size, 'byte')
  if (type === null) return `of ${bytes}`
  const named = type.type.replaceAll(/\s+/g, ' ')
  return size === 0 ? named : `${named} (${bytes})`
}

function variableLines(variable: InspectedVariable): string[] {
  const declaration = variable.declaration ?? `${variable.name} of ${counted(variable.size, 'byte')}`
  const value = show(variable.value, {
    breakLength: Number.POSITIVE_INFINITY,
    depth: null,
    maxArrayLength: 16,
  })
  const place = `${variable.section}+${variable.offset}`
  return [`${declaration.replaceAll(/\s+/g, ' ')} = ${value} (${place})`]
}

function externLines({ kind, name, weak, declaration }: InspectedExtern): string[] {
  const what = (declaration ?? name).replaceAll(/\s+/g, ' ')
  return [`${what} (${weak ? 'weak ' : ''}${kind})`]
}

/** `'1 map'`, `'2 maps'`. */
function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
