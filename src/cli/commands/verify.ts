/**
 * `ebpf-ts verify`: what this kernel's verifier says of the programs of objects, or another kernel's types of their
 * relocations.
 *
 * @module
 */

import { basename } from 'node:path'
import { BpfError, type CollectionSpec, readBtfFile } from '../../index.ts'
import { type CoreDryRun, dryRunCore, type ProgramVerdict, verifyObject } from '../../inspect/index.ts'
import { type Command, defineCommand } from '../form/command.ts'
import { CommandFailure, failureFacts, writeFailure } from '../form/failure.ts'
import { flag, text } from '../form/option.ts'
import { editObjects, hasPrograms, readObject } from '../object/edit.ts'
import { type ObjectValues, objectOptions } from '../object/options.ts'
import type { Output } from '../output/output.ts'
import { styled } from '../output/span.ts'
import type { Cell } from '../output/table.ts'

/** Version of the JSON documents. */
const VERSION = 1

/** Without `record`: nothing is read here. */
const { record: _, ...verifyOptions } = objectOptions

/** `ebpf-ts verify`. */
export const command: Command = defineCommand({
  positionals: ['OBJECT...'],
  options: {
    ...verifyOptions,
    csv: flag('print a table with the columns of veristat'),
    btf: text(
      'FILE',
      `load nothing: apply the CO-RE relocations to the types of a kernel in FILE, raw BTF or an ELF file with BTF, and
      print which ones fail. Needs no root and no Linux`,
    ),
  },
  json: { form: 'document', help: 'print one JSON document, which docs/verify.md describes' },
  exclusive: [
    ['json', 'csv'],
    ['btf', 'csv'],
  ],
  description: [
    `Loads each program of the objects alone, those that are not loaded by default too, and unloads it again; nothing is
    attached or pinned. As veristat does, it gives maps without a size one element, and extensions the type of what they
    seem to extend.`,
    `Prints the verdict, the instructions and states that the verifier went through, and how long it took; and for each
    refused program the cause. Needs root.`,
  ],
  examples: [
    { line: 'build/*.bpf.o', does: 'load every program of some objects' },
    { line: 'tool.bpf.o --only on_exec --set deep=1', does: 'load one program, with a variable set' },
    { line: 'tool.bpf.o --btf 5.10.btf', does: 'see whether the relocations fit another kernel' },
  ],
  exit: {
    done: 'done',
    failed: 'when a program is refused, a relocation fails, or an object cannot be read or has no programs',
  },
  run({ positionals: [paths], values, json, out, notes, name }) {
    // Read first: without the types there is nothing to do.
    const kernel = values.btf === undefined ? undefined : readBtfFile(values.btf)
    const { objects, errors } = readObjects(paths, values)
    // What is asked for is in one of the objects that can be read.
    if (objects.length > 0)
      editObjects(
        objects.map(([, spec]) => spec),
        values,
      )
    const chosen = objects.filter(([, spec]) => hasPrograms(spec))
    // Errors of objects stand before the results of the others; when there are no results, they are the failure.
    const report = (failures: readonly ObjectError[], results: readonly unknown[]): void => {
      if (!json) for (const { error } of failures) writeFailure(notes, name, error)
      else if (results.length === 0 && failures.length > 0) throw unreadable(failures)
    }
    const documentOf = (programs: readonly unknown[]): unknown => ({
      version: VERSION,
      programs,
      errors: errorDocuments(errors),
    })
    let failed: boolean
    if (kernel === undefined) {
      const verdicts = resultsOf(chosen, errors, verifyObject)
      report(errors, verdicts)
      if (json) out.document(documentOf(verdicts.map(withoutLog)))
      else if (values.csv) out.csv(veristatRecords(verdicts))
      else if (verdicts.length > 0) writeVerdicts(out, verdicts)
      failed = verdicts.some(({ verdict }) => verdict === 'failure')
    } else {
      const runs = resultsOf(chosen, errors, spec => dryRunCore(spec, kernel))
      report(errors, runs)
      if (json) out.document(documentOf(runs.map(dryRunDocument)))
      else if (runs.length > 0) writeDryRuns(out, runs)
      failed = runs.some(({ failures, error }) => failures.length > 0 || error !== null)
    }
    return failed || errors.length > 0 ? 1 : 0
  },
})

type FileVerdict = ProgramVerdict & { readonly file: string }
type FileDryRun = CoreDryRun & { readonly file: string }

/** An object that yields no results. */
interface ObjectError {
  readonly file: string
  readonly error: unknown
}

/** Reads objects, with their names. One that cannot be read does not keep the others from being read. */
function readObjects(
  paths: readonly string[],
  values: Partial<ObjectValues>,
): {
  objects: [file: string, spec: CollectionSpec][]
  errors: ObjectError[]
} {
  const objects: [string, CollectionSpec][] = []
  const errors: ObjectError[] = []
  for (const path of paths) {
    const file = labelOf(path, paths)
    try {
      const spec = readObject(path, values)
      if (!hasPrograms(spec)) throw withoutPrograms(file, spec)
      objects.push([file, spec])
    } catch (error) {
      errors.push({ file, error })
    }
  }
  return { objects, errors }
}

/** What a file is called: as veristat does, by its name alone, unless another one has the same name. */
function labelOf(path: string, paths: readonly string[]): string {
  const name = basename(path)
  return paths.some(each => each !== path && basename(each) === name) ? path : name
}

/** The results of all objects. An error about one does not take those of the others with it. */
function resultsOf<T>(
  objects: readonly [file: string, spec: CollectionSpec][],
  errors: ObjectError[],
  resultsFor: (spec: CollectionSpec) => Iterable<T>,
): (T & { readonly file: string })[] {
  const results: (T & { readonly file: string })[] = []
  for (const [file, spec] of objects) {
    try {
      for (const result of resultsFor(spec)) results.push({ file, ...result })
    } catch (error) {
      errors.push({ file, error })
    }
  }
  return results
}

function withoutPrograms(file: string, { noPrograms }: CollectionSpec): Error {
  const reason = noPrograms ?? 'it has no code'
  return new BpfError(`${file} has no programs: ${reason}`, { code: 'ERR_INVALID_SPEC' })
}

/** What to throw when no object has a result. */
function unreadable(errors: readonly ObjectError[]): unknown {
  const [first] = errors
  if (errors.length === 1) return first!.error
  return new CommandFailure(failureFacts(first!.error).code, 'Cannot verify any of the objects', {
    errors: errorDocuments(errors),
  })
}

function errorDocuments(errors: readonly ObjectError[]): unknown[] {
  return errors.map(({ file, error }) => ({ ...failureFacts(error), file }))
}

function writeVerdicts(out: Output, verdicts: readonly FileVerdict[]): void {
  out.table(
    [
      { title: 'OBJECT' },
      { title: 'PROGRAM' },
      { title: 'VERDICT' },
      { title: 'INSTRUCTIONS', number: true },
      { title: 'STATES', number: true },
      { title: 'PEAK', number: true },
      { title: 'MICROSECONDS', number: true },
    ],
    verdicts.map(({ file, program, verdict, statistics }) => [
      file,
      program,
      styled(verdict === 'failure' ? 'red' : 'green', verdict),
      ...counts(statistics),
    ]),
  )
  for (const verdict of verdicts) writeRefusal(out, verdict)
}

function counts(statistics: ProgramVerdict['statistics']): readonly Cell[] {
  if (statistics === null) return ['-', '-', '-', '-']
  const { instructions, states, peakStates, microseconds } = statistics
  return [instructions, states, peakStates, microseconds]
}

function writeRefusal(out: Output, { file, program, refusal }: FileVerdict): void {
  if (refusal === null) return
  out.line()
  out.line(`${file}: ${program}: ${refusal.cause ?? (refusal.reason.join('; ') || refusal.message)}`)
  if (refusal.source !== null) out.line(`  at ${refusal.source}`)
  if (refusal.byVerifier) for (const line of refusal.excerpt) out.line(`    ${line}`)
  else if (refusal.cause !== null && !refusal.message.includes(refusal.cause))
    out.line(`  ${refusal.message}`)
}

/** A verdict as the document has it: the log can be megabytes, and its end is in the excerpt. */
function withoutLog({ refusal, ...rest }: FileVerdict): unknown {
  if (refusal === null) return { ...rest, refusal }
  const { log: _, ...shown } = refusal
  return { ...rest, refusal: shown }
}

/** Columns as veristat names them. */
function* veristatRecords(verdicts: readonly FileVerdict[]): Generator<(string | number)[]> {
  yield ['file_name', 'prog_name', 'verdict', 'duration', 'total_insns', 'total_states', 'peak_states']
  for (const { file, program, verdict, statistics } of verdicts) {
    const numbers =
      statistics === null
        ? ['', '', '', '']
        : [statistics.microseconds, statistics.instructions, statistics.states, statistics.peakStates]
    yield [file, program, verdict, ...numbers]
  }
}

function writeDryRuns(out: Output, runs: readonly FileDryRun[]): void {
  out.table(
    [
      { title: 'OBJECT' },
      { title: 'PROGRAM' },
      { title: 'RELOCATIONS', number: true },
      { title: 'FAILING', number: true },
    ],
    runs.map(({ file, program, relocations, failures, error }) => [
      file,
      program,
      relocations,
      error === null ? failures.length : '-',
    ]),
  )
  for (const { file, program, failures, error } of runs) {
    if (error === null && failures.length === 0) continue
    out.line()
    out.line(`${file}: ${program}: ${error ?? 'refused if the verifier gets there'}`)
    for (const { kind, subject, reason, source } of failures) {
      const place = source === undefined ? '' : ` (${source.file}:${source.line})`
      out.line(`  ${kind} of ${subject}: ${reason}${place}`)
    }
  }
}

function dryRunDocument({ failures, ...rest }: FileDryRun): unknown {
  return {
    ...rest,
    failures: failures.map(({ kind, subject, reason, source }) => ({
      kind,
      subject,
      reason,
      source:
        source === undefined ? null : { file: source.file, line: source.line, text: source.text.trim() },
    })),
  }
}
