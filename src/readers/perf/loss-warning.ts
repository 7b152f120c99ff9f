/**
 * The warning of a loss that nothing asked for.
 *
 * @module
 */

/**
 * Warns that records of a perf buffer were lost, as a warning of the process: on standard error, unless the program
 * listens for the event `'warning'` or Node.js runs with `--no-warnings`.
 */
export function warnOfLoss(cpu: number, count: number, source: string): void {
  const records = count === 1 ? '1 record' : `${count} records`
  process.emitWarning(
    `Perf buffer ${source} lost ${records} of CPU ${cpu}; later losses are not shown. Give onLost to see all, and more pages for larger rings`,
    { type: 'RecordsLostWarning', code: 'EBPF_TS_RECORDS_LOST' },
  )
}
