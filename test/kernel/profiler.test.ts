import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kernelTest } from '../support/kernel-test.ts'

const room = (name: string): string =>
  JSON.stringify(new URL(`../../src/${name}/index.js`, import.meta.url).href)

/** Counts r6 up: the verifier follows each of the rounds, for many times the interval of the profiler. */
const SOURCE = `
  import { exit, mov, r0, r6 } from ${room('asm')}
  import { Program } from ${room('programs')}
  const ROUNDS = 50_000
  const instructions = [
    mov(r6, 0),
    { opcode: 0x07, dst: 6, src: 0, offset: 0, imm: 1 },
    { opcode: 0xa5, dst: 6, src: 0, offset: -2, imm: ROUNDS },
    mov(r0, 7),
    exit(),
  ]
  const program = Program.load({ type: 'socket_filter', instructions })
  console.log(program.testRun({ data: new Uint8Array(64), repeat: 2000 }).returnValue)`

kernelTest("a program loads and runs while V8's profiler interrupts this thread all the time", [], t => {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const options = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', directory]
  const { stdout, stderr } = spawnSync(process.execPath, [...options, '--input-type=module', '-e', SOURCE], {
    encoding: 'utf8',
  })
  t.is(stderr, '')
  t.is(stdout, '7\n')
})
