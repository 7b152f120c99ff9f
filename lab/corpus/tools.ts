/**
 * What other tools say is in an object, against what the library reads: llvm-readelf, llvm-objdump and the skeletons
 * of bpftool. No kernel is asked.
 *
 * @module
 */

import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BpfError } from '../../src/base/errors.ts'
import { CollectionSpec } from '../../src/collection/spec.ts'
import { ElfFile } from '../../src/elf/file.ts'
import { objectsDirectory } from './objects.ts'
import { nameOf } from './ours.ts'
import { prepareTree, runIn } from './tree.ts'

/** Where a tool says otherwise. */
export interface ToolDifference {
  readonly object: string
  readonly tool: 'llvm-readelf' | 'llvm-objdump' | 'bpftool'
  /** What it is about, and what both say. */
  readonly what: string
}

/** What was compared. */
export interface ToolReport {
  readonly differences: readonly ToolDifference[]
  /** Things that were compared with each tool: sections and symbols, functions, names. */
  readonly compared: Record<ToolDifference['tool'], number>
  /** Objects without a skeleton: bpftool refuses what libbpf refuses. */
  readonly withoutSkeleton: number
}

const DIRECTORY = objectsDirectory('objects')
/** Files that tools get at once. */
const BATCH = 100

/** Compares what the tools say about all objects. */
export function compareTools(objects: readonly string[]): ToolReport {
  const differences: ToolDifference[] = []
  const compared = { 'llvm-readelf': 0, 'llvm-objdump': 0, bpftool: 0 }
  const add = (tool: ToolDifference['tool'], object: string, ours: Says, theirs: Says): void => {
    for (const [thing, value] of theirs) {
      compared[tool]++
      const own = ours.get(thing)
      if (own !== value)
        differences.push({ object, tool, what: `${thing}: ${own ?? 'nothing'}, not ${value}` })
    }
  }
  const llvm = treeWithObjects('bookworm')
  for (let i = 0; i < objects.length; i += BATCH) {
    const batch = objects.slice(i, i + BATCH)
    const files = readelf(llvm, batch)
    const dumps = objdump(llvm, files)
    for (const [object, { facts }] of files) {
      add('llvm-readelf', object, ourElf(object), facts)
      const spec = readSpec(object)
      if (spec !== undefined) {
        const ours = ourFunctions(spec)
        // What belongs to no program is not read.
        const shared = [...dumps.get(object)!].filter(([name]) => ours.has(name))
        add('llvm-objdump', object, ours, new Map(shared))
      }
    }
  }
  const bpftool = treeWithObjects('sid')
  let withoutSkeleton = 0
  for (const object of objects) {
    const theirs = skeleton(bpftool, object)
    const spec = readSpec(object)
    if (theirs === undefined || spec === undefined) withoutSkeleton++
    else add('bpftool', object, ourNames(spec), theirs)
  }
  return { differences, compared, withoutSkeleton }
}

/** Statements about an object, by what they are about. */
type Says = ReadonlyMap<string, string>

function treeWithObjects(suite: 'bookworm' | 'sid'): string {
  const tree = prepareTree(suite)
  rmSync(join(tree, 'objects'), { recursive: true, force: true })
  cpSync(DIRECTORY, join(tree, 'objects'), { recursive: true })
  return tree
}

function readSpec(object: string): CollectionSpec | undefined {
  try {
    return CollectionSpec.fromFile(join(DIRECTORY, object))
  } catch (error) {
    if (error instanceof BpfError) return undefined
    throw error
  }
}

function ourElf(object: string): Says {
  const { sections, symbols } = ElfFile.parse(readFileSync(join(DIRECTORY, object)))
  return new Map([
    ...sections.map(({ index, name, type, size }): [string, string] => [
      `section ${index}`,
      describeSection(name, type, size),
    ]),
    ...symbols.map((each, i): [string, string] => [
      `symbol ${i}`,
      describeSymbol(each.type === 'section' ? '' : each.name, each.value, each.size, each.section),
    ]),
  ])
}

const describeSection = (name: string, type: number, size: number): string =>
  `${name} of type ${type} with ${size} bytes`
const describeSymbol = (name: string, value: number, size: number, section: number): string =>
  `${name} at ${value} of section ${section} with ${size} bytes`

function mustRun(tree: string, program: string, args: readonly string[]): string {
  const { ok, stdout, stderr } = runIn(tree, program, args)
  if (!ok) throw new Error(`Cannot compare with ${program}: ${stderr}`)
  return stdout
}

/** A name or number with what it means. */
interface Named {
  readonly Name: string
  readonly Value: number
}

interface ReadelfFile {
  readonly FileSummary: { readonly File: string }
  readonly Sections: readonly {
    readonly Section: {
      readonly Index: number
      readonly Name: Named
      readonly Type: Named
      readonly Size: number
    }
  }[]
  readonly Symbols: readonly {
    readonly Symbol: {
      readonly Name: Named
      readonly Value: number
      readonly Size: number
      readonly Type: Named
      readonly Section: Named
    }
  }[]
}

/** `STT_FUNC`. */
const FUNCTION_SYMBOL = 2
/** `STT_SECTION`: such a symbol has the name of its section, or none. */
const SECTION_SYMBOL = 3

/** What llvm-readelf says of a file. */
interface ElfFacts {
  readonly facts: Says
  /** Bytes of functions whose name no other has; compilers leave labels in functions in the symbol table too. */
  readonly functions: ReadonlyMap<string, number>
}

function readelf(tree: string, objects: readonly string[]): Map<string, ElfFacts> {
  const args = ['--elf-output-style=JSON', '-S', '-s', ...objects.map(path => `/objects/${path}`)]
  const stdout = mustRun(tree, '/usr/bin/llvm-readelf-19', args)
  const files = JSON.parse(stdout) as readonly ReadelfFile[]
  return new Map(
    files.map(({ FileSummary, Sections, Symbols }) => {
      const symbols = Symbols.map(each => each.Symbol)
      const facts = new Map([
        ...Sections.map(({ Section: { Index, Name, Type, Size } }): [string, string] => [
          `section ${Index}`,
          describeSection(Name.Name, Type.Value, Size),
        ]),
        ...symbols.map(({ Name, Value, Size, Type, Section }, i): [string, string] => [
          `symbol ${i}`,
          describeSymbol(Type.Value === SECTION_SYMBOL ? '' : Name.Name, Value, Size, Section.Value),
        ]),
      ])
      const functions = new Map<string, number>()
      const seen = new Set<string>()
      for (const { Name, Size, Type } of symbols) {
        if (Type.Value !== FUNCTION_SYMBOL) continue
        if (seen.has(Name.Name)) functions.delete(Name.Name)
        else functions.set(Name.Name, Size)
        seen.add(Name.Name)
      }
      return [FileSummary.File.slice('/objects/'.length), { facts, functions }]
    }),
  )
}

/** Instructions by function. */
function ourFunctions({ programs, functions }: CollectionSpec): Map<string, string> {
  const all = new Map<string, string>()
  for (const [name, code] of functions) all.set(name, `${code.length} instructions`)
  for (const [name, { instructions }] of programs) all.set(name, `${instructions.length} instructions`)
  return all
}

/** Instructions by function, without those behind its end: linkers leave functions behind that have lost their symbol. */
function objdump(tree: string, elfs: ReadonlyMap<string, ElfFacts>): Map<string, Says> {
  const paths = [...elfs.keys()].map(path => `/objects/${path}`)
  const stdout = mustRun(tree, '/usr/bin/llvm-objdump-19', ['-d', '--no-show-raw-insn', ...paths])
  const files = new Map([...elfs.keys()].map(object => [object, new Map<string, string>()]))
  let counts = new Map<string, number>()
  let label = ''
  let end = 0
  let file = ''
  const finish = (): void => {
    for (const [name, count] of counts) files.get(file)!.set(name, `${count} instructions`)
    counts = new Map()
  }
  for (const line of stdout.split('\n')) {
    const heading = /^\/objects\/(.*):\s+file format/.exec(line)
    if (heading !== null) {
      if (file !== '') finish()
      file = heading[1]!
    }
    if (line.startsWith('Disassembly of section ')) label = ''
    const name = /^([0-9a-f]{16}) <(.*)>:$/.exec(line)
    if (name !== null) {
      const size = elfs.get(file)!.functions.get(name[2]!)
      if (size !== undefined) [label, end] = [name[2]!, Number.parseInt(name[1]!, 16) + size]
    }
    const slot = /^\s+(\d+):\s/.exec(line)
    // In instructions of 8 bytes, and decimal, unlike the address of the label.
    if (slot !== null && label !== '' && 8 * Number(slot[1]) < end)
      counts.set(label, (counts.get(label) ?? 0) + 1)
  }
  if (file !== '') finish()
  return files
}

/** Names as a skeleton has them. */
function ourNames({ programs, functions, maps, variables }: CollectionSpec): Map<string, string> {
  const names = new Map<string, string>()
  // libbpf takes functions in sections such as .text.cold for programs.
  for (const name of [...programs.keys(), ...functions.keys()]) names.set(`program ${name}`, 'there')
  for (const name of maps.keys()) names.set(`map ${identifier(nameOf(name))}`, 'there')
  for (const name of variables.keys()) names.set(`variable ${name}`, 'there')
  return names
}

/** Data sections lose their dot, and other characters that C has not in names become underscores. */
function identifier(name: string): string {
  return name.replace(/^\./, '').replace(/\W/g, '_')
}

/** Programs, maps and global variables of a skeleton; `undefined` when bpftool makes none. */
function skeleton(tree: string, object: string): Map<string, string> | undefined {
  const args = ['gen', 'skeleton', `/objects/${object}`, 'name', 'skeleton']
  const { ok, stdout } = runIn(tree, '/usr/sbin/bpftool', args)
  if (!ok) return undefined
  const names = new Map<string, string>()
  for (const [, kind, name] of stdout.matchAll(/^\t\tstruct bpf_(program|map) \*(\w+);$/gm))
    names.set(`${kind} ${name}`, 'there')
  for (const [, section, members] of stdout.matchAll(
    /^\tstruct skeleton__(?!struct_ops)(\w+) \{\n([\s\S]*?)^\t\} \*\1;$/gm,
  )) {
    // Options of the kernel's configuration are externs.
    if (section === 'kconfig') continue
    for (const [, name] of members!.matchAll(/^\t\t(?:\S.*[ *])?(\w+)(?:\[\d*\])*;$/gm)) {
      if (!/^__pad\d+$/.test(name!)) names.set(`variable ${name}`, 'there')
    }
  }
  return names
}
