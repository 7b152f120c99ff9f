/**
 * Runs a smoke selection of the tests under every Node.js version that is supported, from npm's binary packages.
 *
 *     npm run test:nodes [-- VERSION...]    default: 20 22 24 26
 *     npm run test:nodes -- --others        all but the one that runs this, where `npm test` was
 *
 * The last line and the exit code are those of `npm test`. A version that cannot be fetched or does not start here
 * counts as skipped.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runAva, skipped } from './ava.ts'
import { BACKENDS, filesByBackend } from './backends.ts'
import { enterNamespace, missingNamespace, mountFileSystems } from './namespace.ts'
import { Pace, slowestFiles } from './pace.ts'
import { missingShim } from './shim.ts'
import { addTally, emptyTally, exitCodeOf, type Tally, tallyLine } from './tally.ts'
import type { TapTest } from './tap.ts'
import { pickFiles, testFiles } from './test-files.ts'

/** Release lines of Node.js, as `engines` of package.json and README name them. */
const VERSIONS = ['20', '22', '24', '26'] as const

/**
 * What depends on Node.js: the backends, memory that is shared with the kernel, watching of descriptors, importing.
 * The rest is the same code under every version.
 */
const SMOKE = [
  'test/unit/house/import*',
  'test/unit/syscalls',
  'test/kernel/syscalls',
  'test/kernel/readers',
  'test/kernel/maps',
]

/** Seconds that one backend may take under one version. */
const TIMEOUT = 900

/**
 * Fetches a release line, unless it is there.
 *
 * @returns path of the binary, or the reason for its absence
 */
function fetchNode(version: string): { node: string } | { missing: string } {
  const at = join('.cache/nodes', version)
  const node = join(process.cwd(), at, 'node_modules', `node-linux-${process.arch}`, 'bin/node')
  if (!existsSync(node)) {
    mkdirSync(at, { recursive: true })
    writeFileSync(join(at, 'package.json'), '{"private":true}\n')
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts']
    const name = `node-linux-${process.arch}@${version}`
    const { status, stderr } = spawnSync('npm', ['install', '--prefix', at, ...quiet, name], {
      encoding: 'utf8',
      timeout: 300_000,
    })
    if (status !== 0 || !existsSync(node))
      return { missing: `npm cannot install ${name}: ${lastLine(stderr)}` }
  }
  // Node.js 26 needs libatomic, which not every machine has.
  const { status, stderr } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  return status === 0 ? { node } : { missing: `it does not start here: ${lastLine(stderr)}` }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}

async function smoke(
  version: string,
  unreachableKernel: string | undefined,
  noShim: string | undefined,
): Promise<Tally> {
  const sum = emptyTally()
  const found = fetchNode(version)
  if ('missing' in found) return skipped(`Node.js ${version}`, found.missing)
  const { node } = found
  const ring = (name: 'unit' | 'kernel'): string[] => pickFiles(testFiles(`build/test/${name}`), SMOKE)
  addTally(sum, await runAva({ node, files: ring('unit'), timeout: TIMEOUT }))
  if (unreachableKernel !== undefined) {
    addTally(sum, skipped('every test on the running kernel', unreachableKernel))
    return sum
  }
  if (noShim !== undefined) addTally(sum, skipped('every test with the shim backend', noShim))
  const backends = BACKENDS.filter(each => each === 'koffi' || noShim === undefined)
  for (const [backend, files] of filesByBackend(ring('kernel'), backends)) {
    const pace = new Pace()
    const onTest = (test: TapTest): void => pace.step(test)
    const env = { EBPF_TS_BACKEND: backend }
    addTally(
      sum,
      await runAva({ node, files, arguments: ['--concurrency=1'], timeout: TIMEOUT, env, onTest }),
    )
    console.log(`  ${backend}: ${slowestFiles(pace.times)}`)
  }
  return sum
}

function chosen(args: readonly string[]): readonly string[] {
  const [own] = process.versions.node.split('.')
  if (args[0] === '--others') return VERSIONS.filter(version => version !== own)
  return args.length > 0 ? args : VERSIONS
}

async function main(): Promise<number> {
  const noNamespace = missingNamespace()
  const inside = noNamespace === undefined ? enterNamespace() : undefined
  if (inside !== undefined) return inside

  const noShim = missingShim()
  if (noNamespace === undefined) mountFileSystems()
  const total = emptyTally()
  for (const version of chosen(process.argv.slice(2))) {
    console.log(`Node.js ${version}`)
    const tally = await smoke(version, noNamespace, noShim)
    console.log(`Node.js ${version}: ${tallyLine(tally)}\n`)
    addTally(total, tally)
  }
  console.log(tallyLine(total))
  return exitCodeOf(total)
}

process.exitCode = await main()
