/**
 * The compiled objects of `test/bpf`, and running their programs.
 *
 * @module
 */

import { Collection } from '../../src/collection/collection.ts'
import type { CollectionOptions } from '../../src/collection/load.ts'
import { CollectionSpec } from '../../src/collection/spec.ts'
import type { Program } from '../../src/programs/program.ts'

/** Path of an object: `'data'`, `'data.bpfeb'` of `test/bpf`, `'examples/processes'`. */
export function objectPath(name: string): string {
  const directory = name.includes('/') ? '' : 'test/bpf/'
  return `${directory}${name}${name.endsWith('.bpfeb') ? '' : '.bpf'}.o`
}

/** The specs of an object: `'data'`, `'examples/processes'`. */
export function objectSpec(name: string): CollectionSpec {
  return CollectionSpec.fromFile(objectPath(name))
}

/** The specs of an object of whose programs only some are to be loaded. */
export function objectWith(name: string, programs: readonly string[]): CollectionSpec {
  const spec = objectSpec(name)
  for (const [each, program] of spec.programs) program.autoload = programs.includes(each)
  return spec
}

/** Loads an object, or only some of its programs. */
export function loadObject(
  name: string,
  programs?: readonly string[],
  options: CollectionOptions = {},
): Collection {
  return Collection.load(programs === undefined ? objectSpec(name) : objectWith(name, programs), options)
}

/** Input that every network program takes: an Ethernet header and some bytes. */
export const PACKET: Uint8Array = new Uint8Array(64)

/** Runs a program once whose input does not matter, and returns what it returned. */
export function runOnce(program: Program): number {
  const takesPacket = program.type === 'socket_filter'
  return program.testRun(takesPacket ? { data: PACKET } : {}).returnValue
}
