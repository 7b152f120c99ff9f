/**
 * Our own sources as compilers compile them.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Collector } from './collector.ts'
import { type Compiler, RUST_OPTIONS } from './sources.ts'
import { CACHE, prepareTree, runIn, type ToolResult } from './tree.ts'

const DIRECTORIES = ['test/bpf', 'examples'] as const
const HEADERS = 'test/bpf/include'
const RUST = 'lab/corpus/rust'

/** Sources in C. */
export function sources(): string[] {
  return DIRECTORIES.flatMap(directory => filesIn(directory, '.bpf.c'))
}

/** Their headers. */
export function headers(): string[] {
  return filesIn(HEADERS, '.h')
}

/** Sources in Rust. */
export function rustSources(): string[] {
  return filesIn(RUST, '.rs')
}

/** What the sources in Rust include. */
export function rustPreludes(): string[] {
  return filesIn(join(RUST, 'prelude'), '.rs')
}

/** The committed objects. */
export function ownObjects(): string[] {
  return DIRECTORIES.flatMap(directory => filesIn(directory, '.o'))
}

function filesIn(directory: string, ending: string): string[] {
  const files = readdirSync(directory).filter(file => file.endsWith(ending))
  return files.sort().map(file => join(directory, file))
}

/** Compiles all sources, in each round of a compiler. */
export function addCompiled(collector: Collector, compiler: Compiler, log: (line: string) => void): void {
  log(`compiling with ${compiler.name}`)
  const tree = prepareTree(compiler.suite)
  for (const directory of DIRECTORIES) cpSync(directory, join(tree, directory), { recursive: true })
  for (const [round, options] of Object.entries(compiler.rounds)) {
    for (const source of sources()) {
      const compile = compiler.untyped === true ? compileUntyped : compileWhole
      const { ok, stderr } = compile(tree, compiler.program, options, source)
      const origin = `${compiler.name}-${round}`
      const name = basename(source, '.bpf.c')
      if (ok) collector.add(origin, name, readFileSync(join(tree, OUTPUT)))
      else collector.fail(`${origin}/${name}`, stderr)
    }
  }
}

const OUTPUT = '/tmp/out.o'

function compileWhole(tree: string, program: string, options: readonly string[], source: string): ToolResult {
  return runIn(tree, program, [...options, `-I${HEADERS}`, '-c', source, '-o', OUTPUT])
}

/**
 * As compilers before clang 8 do, which said neither the type nor the size of a symbol. Source: LLVM 7
 * BPFMCAsmInfo.h, `HasDotTypeDotSizeDirective`.
 */
function compileUntyped(
  tree: string,
  program: string,
  options: readonly string[],
  source: string,
): ToolResult {
  const text = '/tmp/out.s'
  const compiled = runIn(tree, program, [...options, `-I${HEADERS}`, '-S', source, '-o', text])
  if (!compiled.ok) return compiled
  const path = join(tree, text)
  writeFileSync(path, readFileSync(path, 'latin1').replace(/^\s*\.(?:type|size)\s.*\n/gm, ''), 'latin1')
  return runIn(tree, program, [...options, '-c', text, '-o', OUTPUT])
}

/** What rustc says it is; `undefined` without one. */
export function rustRelease(): string | undefined {
  const { stdout, error } = rustc('--version')
  return error === undefined ? stdout.trim() : undefined
}

/** Our sources as the rustc of this machine compiles them. */
export function addRust(collector: Collector, log: (line: string) => void): void {
  const release = rustRelease()
  if (release === undefined) {
    collector.fail('rustc', 'it is not installed')
    return
  }
  log(`compiling with ${release}`)
  const specification = join(CACHE, 'bpf-target.json')
  const printed = rustc('-Zunstable-options', '--print=target-spec-json', '--target=bpfel-unknown-none')
  // The target's objects are bitcode, for a linker of its own; LLVM makes ELF of them just as well.
  writeFileSync(specification, printed.stdout.replace('"obj-is-bitcode": true', '"obj-is-bitcode": false'))
  const output = join(CACHE, 'rust.o')
  for (const source of rustSources()) {
    const name = basename(source, '.rs')
    const { status, stderr } = rustc(...RUST_OPTIONS, `--target=${specification}`, source, '-o', output)
    if (status === 0) collector.add('rustc', name, readFileSync(output))
    else collector.fail(`rustc/${name}`, stderr)
  }
}

function rustc(
  ...args: readonly string[]
): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } {
  // Without it, a released rustc refuses unstable features.
  const env = { ...process.env, RUSTC_BOOTSTRAP: '1' }
  return spawnSync('rustc', args, { encoding: 'utf8', env }) as never
}
