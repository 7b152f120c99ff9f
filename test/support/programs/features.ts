/**
 * What kernels can do with programs, beyond what the library itself depends on: for tests to be skipped by.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { helperSince } from '../../../src/abi/helper-since.ts'
import { mapTypeSince, programTypeSince } from '../../../src/abi/since.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { haveMapType } from '../../../src/kernel/probes/have-map-type.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { isAtLeast } from '../../../src/kernel/version.ts'

/** Something that came with a version and is not worth an experiment; a backport is skipped too. */
export function since(version: `${number}.${number}`, name: string): Feature {
  return defineFeature(name, version, () => (isAtLeast(version) ? 'yes' : 'no'))
}

/** `bpf_for_each_map_elem`. */
export const forEachMapElem: Feature = since(
  helperSince.for_each_map_elem,
  'The helper bpf_for_each_map_elem',
)
/** Programs of type `syscall`. */
export const syscallPrograms: Feature = since(programTypeSince.syscall, 'A syscall program')
/** `bpf_loop`. */
export const bpfLoop: Feature = since(helperSince.loop, 'The helper bpf_loop')
/** Programs of type `netfilter`. */
export const netfilterPrograms: Feature = since(programTypeSince.netfilter, 'A netfilter program')
/** Version 4 of the instruction set. */
export const instructionsV4: Feature = since(featureSince.instructionsV4, 'Instructions of version 4')
/** Maps of type `arena`. */
export const arenas: Feature = since(mapTypeSince.arena, 'An arena')

/** Maps of type `insn_array`, for jump tables. */
export const insnArrays: Feature = defineFeature('Maps of instructions', mapTypeSince.insn_array, () =>
  haveMapType('insn_array'),
)
/** What programs write, and what the kernel reports of them. */
export const streams: Feature = since(featureSince.programStreams, 'The streams of programs')

/** BPF among the active security modules (5.7): a kernel parameter, so versions do not tell. */
export const bpfLsm: Feature = defineFeature('BPF among the active security modules', undefined, () => {
  try {
    return readFileSync('/sys/kernel/security/lsm', 'utf8').split(',').includes('bpf') ? 'yes' : 'no'
  } catch {
    return 'no'
  }
})

/** Types of variables of a CPU. */
export const typedVariables: Feature = defineFeature('Types of variables', undefined, () =>
  kernelBtf().find('runqueues', 'var') !== undefined ? 'yes' : 'no',
)

/** Their addresses (CONFIG_KALLSYMS_ALL), as grep sees them. */
export const listedVariables: Feature = defineFeature('Addresses of variables', undefined, () =>
  spawnSync('grep', ['-qw', 'runqueues', '/proc/kallsyms']).status === 0 ? 'yes' : 'no',
)

/** The opposite of a feature: for tests of what is said, or done instead, where it is missing. */
export function lacking({ name, probe }: Feature): Feature {
  const answers = { yes: 'no', no: 'yes', unknown: 'no' } as const
  return defineFeature(`A kernel without: ${name}`, undefined, () => answers[probe()])
}

/** Trampolines that the kernel refuses to every process: for tests of what the error says then. */
export const refusedTrampolines: Feature = defineFeature(
  'A kernel that refuses trampolines',
  undefined,
  () => (features.trampoline.probe() === 'no' ? 'yes' : 'no'),
)
