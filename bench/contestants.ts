/**
 * Who takes part, and how each is started.
 *
 * A peer is a directory of `bench/peers` with a script that builds it: `build.sh OUTDIR` makes `OUTDIR/NAME`.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where peers are built to. */
export const PEERS = 'build/bench/peers'

/** Someone who does rows. */
export interface Contestant {
  readonly name: string
  /** Program and arguments. */
  readonly command: readonly string[]
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>
  /** What builds it; `undefined` for ourselves. */
  readonly install: string | undefined
}

function peer(name: string, directory = name): Contestant {
  return {
    name,
    command: [join(PEERS, name)],
    env: {},
    install: `bench/peers/${directory}/build.sh ${PEERS}`,
  }
}

const OURS = [process.execPath, 'build/bench/ours.js']

/** All, ourselves first. */
export const contestants: readonly Contestant[] = [
  { name: 'ours', command: OURS, env: {}, install: undefined },
  { name: 'ours-koffi', command: OURS, env: { EBPF_TS_BACKEND: 'koffi' }, install: undefined },
  peer('c'),
  peer('libbpf', 'c'),
  peer('cilium'),
  peer('aya'),
  peer('npm-bpf'),
]

/** Whether it can be started. */
export function isInstalled({ install, command }: Contestant): boolean {
  return install === undefined || existsSync(command[0]!)
}

/**
 * Ourselves and the peers with these names; all without names.
 *
 * @throws RangeError when a peer is unknown
 */
export function pickContestants(names: readonly string[]): readonly Contestant[] {
  for (const name of names) {
    if (!contestants.some(each => each.name === name)) {
      throw new RangeError(
        `Unknown peer ${name}: expected one of ${contestants.map(each => each.name).join(', ')}`,
      )
    }
  }
  return contestants.filter(({ name }) => names.length === 0 || name === 'ours' || names.includes(name))
}
