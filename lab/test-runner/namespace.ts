/**
 * A private mount namespace for kernel tests: what they mount, the host does not see.
 *
 * @module
 */

import { spawn, spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { BPF_FS_MAGIC, TRACEFS_MAGIC } from '../../src/abi/linux.ts'

/** Set in the environment of the program that was started again inside the namespace. */
const INSIDE = 'EBPF_TS_TEST_NAMESPACE'

const UNSHARE = ['--mount', '--propagation', 'private'] as const

/** File systems that kernel tests use. */
const FILE_SYSTEMS = [
  { type: 'bpf', path: '/sys/fs/bpf', magic: BPF_FS_MAGIC },
  { type: 'tracefs', path: '/sys/kernel/tracing', magic: TRACEFS_MAGIC },
] as const

/**
 * Why kernel tests cannot run in a mount namespace here; `undefined` when they can.
 */
export function missingNamespace(): string | undefined {
  if (process.platform !== 'linux') return `it needs Linux, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'it needs root'
  if (process.env[INSIDE] !== undefined) return undefined
  const { status, stderr, error } = spawnSync('unshare', [...UNSHARE, 'true'], { encoding: 'utf8' })
  if (status === 0) return undefined
  return `there can be no mount namespace: ${error?.message ?? stderr.trim()}`
}

/**
 * Starts this program again inside a new mount namespace, and waits for it.
 *
 * @returns its exit code; `undefined` in the program that already is inside: go on there
 */
export function enterNamespace(): Promise<number> | undefined {
  if (process.env[INSIDE] !== undefined) return undefined
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...UNSHARE, process.execPath, ...process.argv.slice(1)], {
      env: { ...process.env, [INSIDE]: '1' },
      stdio: 'inherit',
    })
    // The child ends what it started, then itself; a terminal's Ctrl-C may reach it twice.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    )
  })
}

/** Mounts bpffs and tracefs where they are missing. Reports what cannot be mounted; tests that need it are skipped. */
export function mountFileSystems(): void {
  for (const { type, path, magic } of FILE_SYSTEMS) {
    if (isMounted(path, magic)) continue
    const { status, stderr } = spawnSync('mount', ['-t', type, type, path], { encoding: 'utf8' })
    if (status !== 0) console.log(`  cannot mount ${type} on ${path}: ${stderr.trim()}`)
  }
}

function isMounted(path: string, magic: number): boolean {
  try {
    return statfsSync(path).type === magic
  } catch {
    return false
  }
}
