/**
 * The benchmark's table, for a terminal. Pure.
 *
 * @module
 */

import type { AttachTime, MeasuredRow, ProbesDocument, Space, UnmeasuredRow } from './document.ts'
import { measuredRows } from './document.ts'
import { type Environment, spoilers } from './environment.ts'

/** Columns of the longest bar. */
const BAR_COLUMNS = 30
/** Rounds below which a median says little. */
const FEW_ROUNDS = 10

const TITLES: Readonly<Record<Space, string>> = {
  kernel: 'Probes in the kernel',
  user: 'Probes in user space',
}

/** The whole report: the machine, the tables, what is missing and what spoils the numbers. */
export function formatReport(document: ProbesDocument): string {
  const { environment, settings, attachTimes } = document
  const blocks = [header(environment, settings)]
  for (const space of ['kernel', 'user'] as const) {
    const rows = measuredRows(document).filter(row => row.space === space)
    if (rows.length > 0) blocks.push(`${TITLES[space]}, nanoseconds per hit:\n\n${table(rows)}`)
  }
  if (attachTimes.length > 0)
    blocks.push(`Milliseconds to attach to many functions:\n\n${attachTable(attachTimes)}`)
  const without = document.rows.filter(row => row.status !== 'measured')
  blocks.push(...reasons('Not measured', without, 'missing'), ...reasons('Failed', without, 'failed'))
  const doubts = spoilers(environment)
  if (settings.rounds < FEW_ROUNDS)
    doubts.unshift(`rounds: ${settings.rounds}, where at least ${FEW_ROUNDS} are needed`)
  if (doubts.length > 0) blocks.push(`Mind:\n${doubts.map(each => `  ${each}`).join('\n')}`)
  return `${blocks.join('\n\n')}\n`
}

function header(environment: Environment, settings: ProbesDocument['settings']): string {
  const { jit, jitHarden, mitigations, virtualization, kprobesOptimization, enabledFunctions, governor } =
    environment
  const onOff = (value: number | null): string => (value === null ? 'unknown' : value === 0 ? 'off' : 'on')
  const facts: [string, string][] = [
    ['kernel', `${environment.kernel} (${environment.architecture})`],
    [
      'CPU',
      [
        environment.cpu ?? 'unknown',
        virtualization ?? 'no hypervisor seen',
        governor ?? 'no frequency governor',
      ].join(', '),
    ],
    ['mitigations', mitigationsLine(mitigations)],
    ['JIT', `${onOff(jit)}, hardening ${jitHarden ?? 'unknown'}`],
    ['kprobes', `optimization ${onOff(kprobesOptimization)}`],
    [
      'ftrace',
      enabledFunctions === null ? 'unknown' : `at work on ${enabledFunctions} functions before the start`,
    ],
    ['body', settings.body],
    ['rounds', `${settings.rounds}, interleaved; cost = (attached - nothing attached) / hits`],
  ]
  return facts.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n')
}

function mitigationsLine(mitigations: Readonly<Record<string, string>>): string {
  const entries = Object.entries(mitigations)
  if (entries.length === 0) return 'none needed, or unknown'
  return entries
    .map(([name, state]) => `${name}: ${state.replace(/^Mitigation: /, '')}`)
    .join('\n            ')
}

function table(rows: readonly MeasuredRow[]): string {
  const greatest = Math.max(...rows.filter(({ base }) => base !== null).map(({ cost }) => cost.median), 0)
  const lines = rows.map(row => [...cells(row), row.base === null ? '' : bar(row.cost.median, greatest)])
  return align(
    [['', 'median', 'quartiles', 'to fentry', 'hits', ''], ...lines],
    ['left', 'right', 'right', 'right', 'right', 'left'],
  )
}

function cells(row: MeasuredRow): string[] {
  const { base, cost, ratioToFentry, hits } = row
  return [
    rowLabel(row),
    formatNanoseconds(cost.median),
    `${formatNanoseconds(cost.lowerQuartile)} - ${formatNanoseconds(cost.upperQuartile)}`,
    ratioToFentry === null ? '' : `${ratioToFentry.toFixed(2)}x`,
    base === null ? 'per call' : String(hits.reduce((sum, { counted }) => sum + counted, 0)),
  ]
}

/** A row's name, with what must be known to read its number. */
export function rowLabel({ name, hitsPerCall, note }: MeasuredRow): string {
  const remarks = [...(hitsPerCall === 2 ? ['two hits per call'] : []), ...(note === null ? [] : [note])]
  return remarks.length === 0 ? name : `${name} (${remarks.join(', ')})`
}

/** Nanoseconds with as many digits as a measurement of this size can have. */
export function formatNanoseconds(value: number): string {
  return value.toFixed(Math.abs(value) < 100 ? 1 : 0)
}

/** Eighths of a column. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** A bar of up to 30 columns. */
export function bar(value: number, greatest: number): string {
  if (!(value > 0 && greatest > 0)) return ''
  const eighths = Math.max(1, Math.round((value / greatest) * BAR_COLUMNS * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}

function attachTable(times: readonly AttachTime[]): string {
  const milliseconds = (value: number | null): string => (value === null ? '' : value.toFixed(2))
  const lines = times.map(each => [
    each.method,
    String(each.functions),
    milliseconds(each.loadMilliseconds),
    milliseconds(each.attachMilliseconds),
    milliseconds(each.detachMilliseconds),
    each.reason ?? '',
  ])
  return align(
    [['', 'functions', 'load', 'attach', 'detach', ''], ...lines],
    ['left', 'right', 'right', 'right', 'right', 'left'],
  )
}

function reasons(title: string, rows: readonly UnmeasuredRow[], status: UnmeasuredRow['status']): string[] {
  const names = new Map<string, string[]>()
  for (const row of rows) {
    if (row.status === status) names.set(row.reason, [...(names.get(row.reason) ?? []), row.name])
  }
  if (names.size === 0) return []
  return [`${title}:\n${Array.from(names, ([reason, all]) => `  ${all.join(', ')}: ${reason}`).join('\n')}`]
}

/** Lays out cells in columns. */
export function align(rows: readonly (readonly string[])[], sides: readonly ('left' | 'right')[]): string {
  const widths = sides.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(row =>
      row
        .map((cell, column) =>
          sides[column] === 'left' ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
