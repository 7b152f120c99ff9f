/**
 * The native shim, for runs that test both backends.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { isFresh } from './freshness.ts'

/**
 * Sees to it that the shim of this machine is there, and builds it when it is missing or older than
 * its sources and Rust is present.
 *
 * @returns why it is missing; `undefined` when it is there
 */
export function missingShim(): string | undefined {
  if (hasShim()) return undefined
  if (spawnSync('cargo', ['--version']).status !== 0)
    return 'the shim is not built, and cargo, which builds it, is not installed'
  console.log('building the native shim')
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build:native'], {
    encoding: 'utf8',
    timeout: 600_000,
  })
  if (status === 0 && hasShim()) return undefined
  const lastLine = `${stdout}\n${stderr}`.trim().split('\n').at(-1)?.trim()
  return `the shim cannot be built (npm run build:native): ${lastLine}`
}

/** Whether there is one that was built from the sources as they are. */
function hasShim(): boolean {
  const sources = ['src', 'build.rs', 'Cargo.toml', 'Cargo.lock'].map(name => `native/${name}`)
  return readdirSync('native')
    .filter(name => name.startsWith(`shim.linux-${process.arch}-`) && name.endsWith('.node'))
    .some(name => isFresh(`native/${name}`, sources))
}
