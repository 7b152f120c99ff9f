import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { kernelTest } from '../../support/kernel-test.ts'

const room = (name: string): string =>
  JSON.stringify(new URL(`../../../src/${name}/index.js`, import.meta.url).href)

/** Counts r6 up: the verifier follows each of the rounds, for many times the interval of the profiler. */
const LOAD = `
  import { readFileSync } from 'node:fs'
  import { add, exit, jlt, mov, r0, r6 } from ${room('asm')}
  import { Program } from ${room('programs')}
  const blocked = () => /SigBlk:\\s*(\\S+)/.exec(readFileSync('/proc/thread-self/status', 'latin1'))[1]
  const before = blocked()
  const ROUNDS = 50_000
  const counting = [
    mov(r6, 0),
    add(r6, 1),
    jlt(r6, ROUNDS, -2),
  ]
  const program = Program.load({ type: 'socket_filter', instructions: [...counting, mov(r0, 7), exit()] })
  console.log(program.testRun({ data: new Uint8Array(64), repeat: 2000 }).returnValue)
  try {
    Program.load({ type: 'socket_filter', instructions: [...counting, exit()] })
  } catch ({ code }) {
    console.log(code)
  }
  console.log(blocked() === before)`

/** Each probe with the answer it has without a profiler. */
const PROBES = `
  import { features } from ${room('kernel')}
  console.log(Object.entries(features).map(([name, feature]) => name + ' ' + feature.probe()).join())`

/** Standard output of a module, and of the same under the profiler. */
function withProfiler(t: ExecutionContext, source: string): [plain: string, profiled: string] {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const profiler = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', directory]
  const [plain, profiled] = [[], profiler].map(options => {
    const args = [...options, '--input-type=module', '-e', source]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    t.is(stderr, '')
    return stdout
  })
  return [plain!, profiled!]
}

kernelTest("a program loads and runs while V8's profiler interrupts this thread all the time", [], t => {
  for (const stdout of withProfiler(t, LOAD)) t.is(stdout, '7\nEACCES\ntrue\n')
})

kernelTest("probes have the same answers while V8's profiler interrupts this thread all the time", [], t => {
  const [without, profiled] = withProfiler(t, PROBES)
  t.is(profiled, without)
})
