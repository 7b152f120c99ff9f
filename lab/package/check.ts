/**
 * Everything about the source and the package that can be checked without running it: format and lint, API reports, the
 * published declarations under every supported TypeScript, and the packed package by publint and attw. The types of the
 * source are checked by the build before.
 *
 *     npm run check
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { readApi, staleReports } from './api.ts'
import { compileConsumers } from './compilers.ts'
import { pack } from './packed.ts'

/** Runs a command of a development dependency. What it has to say is the failure. */
function command(name: string, args: readonly string[]): string[] {
  const { status, stdout, stderr, error } = spawnSync(join('node_modules/.bin', name), args, {
    encoding: 'utf8',
  })
  if (error !== undefined) return [error.message]
  return status === 0 ? [] : [`${stdout}${stderr}`]
}

function apiFailures(): string[] {
  const api = readApi()
  return [
    ...staleReports(api).map(path => `${path} is stale: run npm run api`),
    ...api.clashes.map(each => `exported for different things: ${each}`),
    ...api.forgotten.map(each => `not exported: ${each}`),
  ]
}

const packed = pack()
/** Only ESM is published; to look for `@types/ebpf-ts` would need the network. */
const attw = ['--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii', '--no-emoji']

const steps: readonly [name: string, run: () => string[] | Promise<string[]>][] = [
  ['biome', () => command('biome', ['check'])],
  ['API reports', apiFailures],
  ['publint', () => command('publint', ['run', packed.tarball, '--strict'])],
  ['attw', () => command('attw', [packed.tarball, ...attw])],
  ['declarations under TypeScript 5.7 to 7', () => compileConsumers(packed.consumer)],
]

let failed = 0
for (const [name, run] of steps) {
  const started = performance.now()
  const failures = await run()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${failures.length === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  for (const each of failures) console.log(each.replace(/^/gm, '  '))
  if (failures.length > 0) failed++
}
console.log(`\n${steps.length - failed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 ? 0 : 1
