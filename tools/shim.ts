/**
 * The native shim, for runs that test both backends.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

/**
 * Sees to it that the shim of this machine is there, and builds it when it is missing and Rust is present.
 *
 * @returns why there is none; `undefined` when there is one
 */
export function missingShim(): string | undefined {
  if (hasShim()) return undefined
  if (spawnSync('cargo', ['--version']).status !== 0)
    return 'the shim is not built, and there is no cargo to build it'
  console.log('building the native shim')
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build:native'], {
    encoding: 'utf8',
    timeout: 600_000,
  })
  if (status === 0 && hasShim()) return undefined
  const lastLine = `${stdout}\n${stderr}`.trim().split('\n').at(-1)?.trim()
  return `the shim cannot be built (npm run build:native): ${lastLine}`
}

function hasShim(): boolean {
  return readdirSync('native').some(
    name => name.startsWith(`shim.linux-${process.arch}-`) && name.endsWith('.node'),
  )
}
