/**
 * Processes of which is known what they do.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A process that has begun its work. */
export interface Busy {
  readonly pid: number
  readonly child: ChildProcess
}

async function started(t: ExecutionContext, child: ChildProcess): Promise<Busy> {
  t.teardown(() => {
    child.kill('SIGKILL')
    rmSync(`/tmp/perf-${child.pid}.map`, { force: true })
  })
  await once(child.stdout!, 'data')
  return { pid: child.pid!, child }
}

/** The options that let Node.js name its functions for others. */
export const NAMED: readonly string[] = ['--perf-basic-prof', '--interpreted-frames-native-stack']

/** Node.js with a script, which prints something when it has begun. */
export function busyNode(
  t: ExecutionContext,
  script: string,
  options: readonly string[] = [],
): Promise<Busy> {
  const args = [...options, '--input-type=commonjs', '-e', script]
  return started(t, spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
}

/** A script that does nothing but compute in `hotFunction`, which `outerFunction` calls. */
export const HOT_SCRIPT = `
function hotFunction(n) { return n < 2 ? n : hotFunction(n - 1) + hotFunction(n - 2) }
function outerFunction() { let sum = 0; for (;;) sum += hotFunction(20) }
console.log('begun')
outerFunction()`

/** A program in C that spends 7 of 10 parts of its time in `often`, 3 in `seldom`. */
const HOT_C = `
#include <stdio.h>
static volatile double sink;
__attribute__((noinline)) static void work(int n) { for (int i = 0; i < n; i++) sink = sink * 1.000001 + 1; }
__attribute__((noinline)) void often(void) { work(70000); sink = sink + 1; }
__attribute__((noinline)) void seldom(void) { work(30000); sink = sink + 2; }
int main(void) { puts("begun"); fflush(stdout); for (;;) { often(); seldom(); } }
`

/** That program, compiled and started. */
export function busyC(t: ExecutionContext): Promise<Busy> {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const [source, program] = [join(directory, 'hot.c'), join(directory, 'hot')]
  writeFileSync(source, HOT_C)
  // Optimised code has no frame pointers in functions that call no others.
  const flags = ['-O0', '-fno-omit-frame-pointer']
  const { status, stderr } = spawnSync('cc', [...flags, '-o', program, source], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return started(t, spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] }))
}
