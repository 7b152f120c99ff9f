/**
 * A made-up document of the benchmark of probes, with round numbers.
 *
 * @module
 */

import type { MeasuredRow, ProbesDocument } from '../../../src/bench/document.ts'
import { summarize } from '../../../src/bench/statistics.ts'

/** A measured row: its samples are per hit; 10 ns of the bare call come on top of them. */
export function measuredRow(
  name: string,
  samples: readonly number[],
  more: Partial<MeasuredRow> = {},
): MeasuredRow {
  return {
    name,
    space: 'kernel',
    status: 'measured',
    base: 'none (helper)',
    hitsPerCall: 1,
    hits: samples.map(() => ({ expected: 1000, counted: 1000 })),
    nanosecondsPerCall: samples.map(each => each + 10),
    samples,
    cost: summarize(samples),
    ratioToFentry: null,
    note: null,
    ...more,
  }
}

/** The document. */
export function probesDocument(more: Partial<ProbesDocument> = {}): ProbesDocument {
  return {
    format: 'ebpf-ts bench probes',
    version: 1,
    time: '2026-01-02T03:04:05.678Z',
    settings: { body: 'counter', rounds: 10, milliseconds: 50, callsPerRun: 100 },
    environment: {
      kernel: '6.12.1 #1 SMP',
      architecture: 'x64',
      cpu: 'Fast & Furious <CPU>',
      allowedCpus: '1',
      governor: 'performance',
      virtualization: null,
      emulated: false,
      jit: 1,
      jitHarden: 0,
      bpfStats: 0,
      kprobesOptimization: 1,
      ftraceEnabled: 1,
      mitigations: { spectre_v1: 'Mitigation: usercopy barriers' },
      enabledFunctions: 0,
      probesOnTarget: [],
      unreadable: [],
      lockdown: 'none',
      debugging: [],
      node: 'v22.0.0',
    },
    rows: [
      measuredRow('none (helper)', [10, 10, 10], { base: null, hitsPerCall: 0, hits: [] }),
      measuredRow('fentry', [4, 5, 6], { ratioToFentry: 1 }),
      measuredRow('kprobe', [14, 15, 18], { ratioToFentry: 3, note: 'ftrace' }),
      measuredRow('kprobe_session', [30, 30, 31], { ratioToFentry: 6, hitsPerCall: 2 }),
      { name: 'fsession', space: 'kernel', status: 'missing', reason: 'needs fsession (Linux 7.0)' },
      { name: 'kretprobe', space: 'kernel', status: 'failed', reason: 'the program ran too often' },
      measuredRow('uprobe-nop', [450, 500, 560], { space: 'user', base: 'none (nop)', ratioToFentry: 100 }),
    ],
    attachTimes: [
      {
        method: 'kprobe_multi',
        functions: 100,
        loadMilliseconds: 0.5,
        attachMilliseconds: 12.345,
        detachMilliseconds: 40,
        reason: null,
      },
      {
        method: 'kprobe',
        functions: 10_000,
        loadMilliseconds: null,
        attachMilliseconds: null,
        detachMilliseconds: null,
        reason: 'it would take some 90 s',
      },
    ],
    ...more,
  }
}
