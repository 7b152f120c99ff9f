/**
 * Builds the twin, and reads what it prints.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadFacts, MapFacts, ObjectFacts, ProgramFacts } from './facts.ts'
import { twinPackages } from './sources.ts'
import { archiveOf, CACHE, prepareDirectory } from './tree.ts'

const SOURCE = 'lab/corpus/twin.c'
/** Where the twin is once it is built. */
export const TWIN: string = join(CACHE, 'twin')
const HEADERS_AND_LIBRARIES = 'twin-sysroot'
const VERSION = join(CACHE, HEADERS_AND_LIBRARIES, 'usr/lib/x86_64-linux-gnu/pkgconfig/libbpf.pc')

/**
 * Compiles it with the host's compiler, but sid's headers and static libraries.
 *
 * @returns the version of libbpf in it
 * @throws Error when the C compiler is missing or fails, with its output
 */
export function buildTwin(): string {
  const root = prepareDirectory(HEADERS_AND_LIBRARIES, tree => {
    archiveOf('sid').unpack(twinPackages, tree)
  })
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu')
  const paths = [`--sysroot=${root}`, `-B${libraries}/`, `-L${libraries}`]
  const options = ['-static', '-O2', '-Wall', '-Werror', ...paths]
  execFileSync('cc', [...options, SOURCE, '-lbpf', '-lelf', '-lz', '-lzstd', '-o', TWIN])
  const version = existsSync(VERSION) ? /^Version: (.*)/m.exec(readFileSync(VERSION, 'utf8'))?.[1] : undefined
  return version ?? 'of sid'
}

type Line =
  | { readonly object: string; readonly error: number; readonly message: string }
  | MapFacts
  | ProgramFacts
  | LoadFacts

interface Entry extends ObjectFacts {
  readonly maps: MapFacts[]
  readonly programs: ProgramFacts[]
  readonly loads: LoadFacts[]
}

/** Reads what it printed, by object. */
export function parseTwin(text: string): Map<string, ObjectFacts> {
  const all = new Map<string, ObjectFacts>()
  let entry: Entry | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    const fact = JSON.parse(line) as Line
    if ('object' in fact) {
      entry = { ...fact, maps: [], programs: [], loads: [] }
      all.set(fact.object, entry)
    } else if (entry === undefined) {
      throw new Error(`A line of the twin is about no object: ${line}`)
    } else if ('map' in fact) {
      entry.maps.push({ ...fact, map: sectionName(fact.map) })
    } else if ('program' in fact) {
      entry.programs.push(fact)
    } else {
      entry.loads.push(fact)
    }
  }
  return all
}

/** libbpf puts the start of the object's name before the names of the usual data sections. */
function sectionName(map: string): string {
  return /\.(?:bss|data|rodata|kconfig)$/.exec(map)?.[0] ?? map
}
