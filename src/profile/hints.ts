/**
 * What a profile says of frames that have no names: which option names them.
 *
 * @module
 */

import { readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { printable } from '../base/text.ts'

/** The options of Node.js that name JavaScript functions. */
const NODE_OPTIONS = 'NODE_OPTIONS="--perf-basic-prof --interpreted-frames-native-stack"'
/** A hint is worth its line from this share of the samples of a process. */
const WORTH = 0.01

/** What is known of the frames of one process. */
export interface ProcessFrames {
  readonly pid: number
  /** Name of the thread that was sampled first; `''` before. */
  comm: string
  /** Name of its program's file; `undefined` when it had ended. */
  readonly program: string | undefined
  samples: number
  /** Samples with a frame in memory of no file that has no name. */
  unnamed: number
  /** Samples that run the interpreter of V8. */
  interpreted: number
  /** Those of them with an interpreted function by its name. */
  interpretedByName: number
  hasPerfMap: boolean
}

/** Name of the file of a process's program; `undefined` when it cannot be read. */
export function programOf(pid: number): string | undefined {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''))
  } catch {
    return undefined
  }
}

/** A sentence for each process whose frames could have names. */
export function hintsOf(processes: Iterable<ProcessFrames>): string[] {
  const hints: string[] = []
  for (const {
    pid,
    comm,
    program,
    samples,
    unnamed,
    interpreted,
    interpretedByName,
    hasPerfMap,
  } of processes) {
    const who = `process ${pid} (${printable(program ?? comm)})`
    const share = (part: number): string => `${Math.max(1, Math.round((100 * part) / samples))} %`
    const isNode = /^node(?:js)?(?:[\d.-].*)?$/.test(program ?? '')
    if (!hasPerfMap && unnamed >= WORTH * samples && unnamed > 0) {
      const remedy = isNode
        ? `start Node.js with ${NODE_OPTIONS}`
        : `its runtime has to write /tmp/perf-${pid}.map: see docs/symbols.md`
      hints.push(
        `${who} has no perf map: ${share(unnamed)} of its samples have frames without names, of code that was compiled at run time; ${remedy}`,
      )
    } else if (hasPerfMap && interpretedByName === 0 && interpreted >= WORTH * samples && interpreted > 0) {
      hints.push(
        `${who} was started without --interpreted-frames-native-stack: in ${share(interpreted)} of its samples JavaScript functions that are interpreted have no names; start Node.js with ${NODE_OPTIONS}`,
      )
    }
  }
  return hints
}
