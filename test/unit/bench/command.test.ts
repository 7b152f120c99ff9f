import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { formatComparison } from '../../../src/bench/compare.ts'
import { measuredRow, probesDocument } from '../../support/bench/probes-document.ts'

/** Runs the command line as it was compiled with the tests. */
function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['build/src/cli/main.js', 'bench', ...args], { encoding: 'utf8' })
}

/** Writes files to a directory that goes away with the test; returns their paths. */
function files(t: ExecutionContext, contents: Readonly<Record<string, string>>): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-bench-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return Object.entries(contents).map(([name, text]) => {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  })
}

test('wrong use has exit code 2, and says what is wrong', t => {
  const cases: [string[], RegExp][] = [
    [[], /^Usage: ebpf-ts bench COMMAND/],
    [['maps'], /^ebpf-ts bench: unknown command "maps"\n\nUsage: ebpf-ts bench COMMAND/],
    [['probes', '--body', 'heavy'], /--body needs one of empty, counter, hash, ringbuf, not "heavy"/],
    [
      ['probes', '--variant', 'kprobe,jprobe'],
      /^ebpf-ts bench probes: --variant: no such variant: "jprobe"; did you mean kprobe\?\n/,
    ],
    [['probes', '--rounds', '0'], /--rounds needs a positive number, not "0"/],
    [['probes', '--time', 'long'], /--time needs a positive number/],
    [['probes', '--time', '60001'], /^ebpf-ts bench probes: .*milliseconds 60001 is not from 1 to 60000\n/],
    [['probes', 'now'], /unexpected argument "now"/],
    [['probes', '--wat'], /unknown option --wat/],
    [['probes', '--compare', 'a.json'], /--compare needs two files/],
    [['probes', '--compare', '--json', 'a.json', 'b.json'], /--compare and --json cannot be used together/],
    [['probes', '--compare', '--body', 'hash', 'a.json', 'b.json'], /--compare and --body cannot be used/],
  ]
  for (const [args, message] of cases) {
    const { status, stderr, stdout } = bench(...args)
    t.is(status, 2, args.join(' '))
    t.regex(stderr, message)
    t.is(stdout, '')
  }
})

test('help names every body and variant', t => {
  const { status, stdout } = bench('probes', '--help')
  t.is(status, 0)
  t.regex(stdout, /empty, counter, hash, ringbuf/)
  t.regex(stdout, /kprobe_multi/)
  t.regex(stdout, /attach to 1, 100, 1000, 10000 functions$/m)
  t.true(stdout.split('\n').every(line => line.length <= 90))
})

test('two documents are compared', t => {
  const first = probesDocument()
  const second = probesDocument({ rows: [measuredRow('fentry', [8, 10, 12])] })
  const paths = files(t, { 'a.json': JSON.stringify(first), 'b.json': JSON.stringify(second) })
  const { status, stdout, stderr } = bench('probes', '--compare', ...paths)
  t.is(status, 0, stderr)
  t.is(stdout, formatComparison(first, second))
  t.regex(stdout, /^fentry +5\.0 +10\.0 +2\.00x$/m)
})

test('files that are no documents, or are not there, have exit code 1', t => {
  const [path] = files(t, { 'a.json': '{}' })
  const wrong = bench('probes', '--compare', path!, path!)
  t.is(wrong.status, 1)
  t.is(
    wrong.stderr,
    `ebpf-ts bench probes: Cannot read ${path}: it was not written by 'ebpf-ts bench probes --json'\n`,
  )
  const missing = bench('probes', '--compare', `${path}.gone`, path!)
  t.is(missing.status, 1)
  t.regex(missing.stderr, /^ebpf-ts bench probes: Cannot read .*: ENOENT: no such file or directory/)
})
