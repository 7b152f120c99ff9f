/**
 * Go modules of agents that commit their BPF objects, from the module proxy.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CACHE } from './tree.ts'

/** A module as it was fetched, or why it was not. */
export type FetchedModule =
  | { readonly version: string; readonly failure?: undefined }
  | { readonly failure: string }

/** What `go mod download -json` says. */
interface Download {
  readonly Version?: string
  readonly Zip?: string
  readonly Error?: string
}

/**
 * Fetches a module by the go command, and unpacks it into a directory.
 *
 * @param module its path and version: `'github.com/cilium/ebpf@latest'`
 * @throws Error when go or unzip is not installed
 */
export function unpackModule(module: string, directory: string): FetchedModule {
  const cache = resolve(CACHE, 'go')
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'go.mod'), 'module corpus\n')
  const go = (env: NodeJS.ProcessEnv, ...args: readonly string[]) => {
    const result = spawnSync('go', args, { cwd: cache, encoding: 'utf8', env: { ...process.env, ...env } })
    if (result.error !== undefined) throw result.error
    return result
  }
  // What the proxy refuses is not fetched from where it is developed.
  const proxy = go({}, 'env', 'GOPROXY')
    .stdout.trim()
    .replace(/[,|]direct$/, '')
  const env = { GOPROXY: proxy, GOMODCACHE: join(cache, 'mod'), GOFLAGS: '-modcacherw' }
  const { stdout, stderr } = go(env, 'mod', 'download', '-json', module)
  // One that needs a newer go to be built is there all the same.
  const { Version = '', Zip, Error: refusal = stderr } = (stdout === '' ? {} : JSON.parse(stdout)) as Download
  if (Zip === undefined) return { failure: refusal.replaceAll(/\s+/g, ' ') }
  const unzip = spawnSync('unzip', ['-q', '-o', Zip, '-d', directory], { encoding: 'utf8' })
  if (unzip.error !== undefined) throw unzip.error
  return unzip.status === 0 ? { version: Version } : { failure: unzip.stderr.trim() }
}
