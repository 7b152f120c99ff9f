/**
 * The package as a user gets it: packed by npm, and unpacked.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** A packed package. */
export interface Packed {
  /** Path of the tarball. */
  readonly tarball: string
  /** Directory with `node_modules/ebpf-ts` in it. */
  readonly consumer: string
}

/** Packs what is built. It does not build: run `npm run build` before. */
export function pack(): Packed {
  const at = resolve('build/packed')
  rmSync(at, { recursive: true, force: true })
  const installed = join(at, 'node_modules/ebpf-ts')
  mkdirSync(installed, { recursive: true })
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', at]
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as [{ filename: string }]
  const tarball = join(at, filename)
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  return { tarball, consumer: at }
}
