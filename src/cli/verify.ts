/**
 * `ebpf-ts verify`: what this kernel's verifier says to the programs of objects, or another kernel's types to their
 * relocations.
 *
 * @module
 */

import { basename } from 'node:path'
import { BpfError, CollectionSpec, jsonReplacer, readBtfFile } from '../index.ts'
import { type CoreDryRun, dryRunCore, type ProgramVerdict, verifyObject } from '../inspect/index.ts'
import { type Command, parseCommandLine, UsageError } from './command.ts'
import { printable } from './text.ts'

const help = `Usage: ebpf-ts verify OBJECT... [--json | --csv] [--btf FILE]

Loads each program of the objects alone, those that are not loaded by default too, and
unloads it again; nothing is attached or pinned. As veristat does, it gives maps
without a size one element, and extensions the type of what they seem to extend.
Prints the verdict, the instructions and states that the verifier went through, and
how long it took; and for each refused program the cause. Needs root.

  --json      print one JSON document, which docs/verify.md describes
  --csv       print a table with the columns of veristat
  --btf FILE  load nothing: apply the CO-RE relocations to the types of a kernel in
              FILE, raw BTF or an ELF file with it, and print which ones fail. Needs
              no root and no Linux

Exit code: 0, 1 when a program is refused, a relocation fails or an object cannot be
read, 2 on wrong use.
`

/** Version of the JSON documents. */
const VERSION = 1

type FileVerdict = ProgramVerdict & { readonly file: string }
type FileDryRun = CoreDryRun & { readonly file: string }

/** `ebpf-ts verify`. */
export const verify: Command = {
  help,
  run(args) {
    const { values, positionals } = parseCommandLine(args, {
      json: { type: 'boolean' },
      csv: { type: 'boolean' },
      btf: { type: 'string' },
    })
    if (positionals.length === 0) throw new UsageError('give at least one object file')
    if (values.json === true && values.csv === true)
      throw new UsageError('--json and --csv do not go together')
    if (values.btf !== undefined && values.csv === true)
      throw new UsageError('--btf and --csv do not go together')
    const json = values.json === true
    if (values.btf !== undefined) return Promise.resolve(dryRun(positionals, values.btf, json))
    return Promise.resolve(verifyFiles(positionals, json ? 'json' : values.csv === true ? 'csv' : 'text'))
  },
}

function verifyFiles(paths: readonly string[], format: 'json' | 'csv' | 'text'): number {
  const objects = readObjects(paths)
  const verdicts: FileVerdict[] = objects.flatMap(([file, spec]) =>
    [...verifyObject(spec)].map(verdict => ({ file, ...verdict })),
  )
  if (format === 'json') {
    // The log can be megabytes; its end is in the excerpt.
    const programs = verdicts.map(({ refusal, ...rest }) => {
      if (refusal === null) return { ...rest, refusal }
      const { log: _, ...told } = refusal
      return { ...rest, refusal: told }
    })
    print(JSON.stringify({ version: VERSION, programs }, jsonReplacer, 2))
  } else if (format === 'csv') {
    print(csv(verdicts))
  } else if (objects.length > 0) {
    print(printable([verdictTable(verdicts), ...verdicts.flatMap(refusalText)].join('\n\n')))
  }
  return objects.length < paths.length || verdicts.some(({ verdict }) => verdict === 'failure') ? 1 : 0
}

/** Reads objects, with their names; what is wrong with one is said, and does not keep the others from being seen. */
function readObjects(paths: readonly string[]): [name: string, spec: CollectionSpec][] {
  return paths.flatMap((path): [string, CollectionSpec][] => {
    try {
      return [[basename(path), CollectionSpec.fromFile(path)]]
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      process.stderr.write(`ebpf-ts verify: ${printable(error.message)}\n`)
      return []
    }
  })
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function verdictTable(verdicts: readonly FileVerdict[]): string {
  return table(
    [
      ['OBJECT', 'PROGRAM', 'VERDICT', 'INSTRUCTIONS', 'STATES', 'PEAK', 'MICROSECONDS'],
      ...verdicts.map(({ file, program, verdict, statistics }) => [
        file,
        program,
        verdict,
        ...counts(statistics),
      ]),
    ],
    3,
  )
}

function counts(statistics: ProgramVerdict['statistics']): string[] {
  if (statistics === null) return ['-', '-', '-', '-']
  const { instructions, states, peakStates, microseconds } = statistics
  return [instructions, states, peakStates, microseconds].map(String)
}

/** Columns two spaces apart; from one on they hold numbers, and are flush right. */
function table(rows: readonly (readonly string[])[], firstNumber: number): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(row =>
      row
        .map((cell, i) => (i < firstNumber ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function refusalText({ file, program, refusal }: FileVerdict): string[] {
  if (refusal === null) return []
  const lines = [`${file}: ${program}: ${refusal.cause ?? (refusal.reason.join('; ') || refusal.message)}`]
  if (refusal.source !== null) lines.push(`  at ${refusal.source}`)
  if (refusal.byVerifier) lines.push(...refusal.excerpt.map(line => `    ${line}`))
  else if (refusal.cause !== null && !refusal.message.includes(refusal.cause))
    lines.push(`  ${refusal.message}`)
  return [lines.join('\n')]
}

/** Columns as veristat names them. */
function csv(verdicts: readonly FileVerdict[]): string {
  const rows = verdicts.map(({ file, program, verdict, statistics }) => [
    file,
    program,
    verdict,
    ...(statistics === null
      ? ['', '', '', '']
      : [statistics.microseconds, statistics.instructions, statistics.states, statistics.peakStates]),
  ])
  const head = ['file_name', 'prog_name', 'verdict', 'duration', 'total_insns', 'total_states', 'peak_states']
  return [head, ...rows].map(row => row.map(field => csvField(String(field))).join(',')).join('\n')
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function dryRun(paths: readonly string[], btfPath: string, json: boolean): number {
  const kernel = readBtfFile(btfPath)
  const objects = readObjects(paths)
  const runs: FileDryRun[] = objects.flatMap(([file, spec]) =>
    dryRunCore(spec, kernel).map(run => ({ file, ...run })),
  )
  if (json) {
    const programs = runs.map(({ failures, ...rest }) => ({
      ...rest,
      failures: failures.map(({ kind, subject, reason, source }) => ({
        kind,
        subject,
        reason,
        source:
          source === undefined ? null : { file: source.file, line: source.line, text: source.text.trim() },
      })),
    }))
    print(JSON.stringify({ version: VERSION, programs }, jsonReplacer, 2))
  } else {
    print(printable([dryRunTable(runs), ...runs.flatMap(failureText)].join('\n\n')))
  }
  const failed = runs.some(({ failures, error }) => failures.length > 0 || error !== null)
  return failed || objects.length < paths.length ? 1 : 0
}

function dryRunTable(runs: readonly FileDryRun[]): string {
  return table(
    [
      ['OBJECT', 'PROGRAM', 'RELOCATIONS', 'FAILING'],
      ...runs.map(({ file, program, relocations, failures, error }) => [
        file,
        program,
        String(relocations),
        error === null ? String(failures.length) : '-',
      ]),
    ],
    2,
  )
}

function failureText({ file, program, failures, error }: FileDryRun): string[] {
  if (error !== null) return [`${file}: ${program}: ${error}`]
  if (failures.length === 0) return []
  const lines = failures.map(({ kind, subject, reason, source }) => {
    const place = source === undefined ? '' : ` (${source.file}:${source.line})`
    return `  ${kind} of ${subject}: ${reason}${place}`
  })
  return [[`${file}: ${program}: refused if the verifier gets there`, ...lines].join('\n')]
}
