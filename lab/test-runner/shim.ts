/**
 * The native shim, for runs that test both backends.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'

/**
 * Sees to it that the shim of this machine is there, and builds it when it is missing or older than
 * its sources and Rust is present.
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

/** Whether there is one that was built from the sources as they are. */
function hasShim(): boolean {
  const changed = (path: string): number => statSync(`native/${path}`).mtimeMs
  const files = readdirSync('native', { recursive: true, encoding: 'utf8' })
  const sources = files.filter(path => path.startsWith('src/') || path.startsWith('Cargo.'))
  const newest = Math.max(...sources.map(changed))
  return files.some(
    path =>
      path.startsWith(`shim.linux-${process.arch}-`) && path.endsWith('.node') && changed(path) >= newest,
  )
}
