/**
 * Processes in a user namespace of their own, and BPF file systems that delegate to it. The mount is made as the kernel
 * wants it: its context is of the namespace, and what it delegates is set, and the mount made, by root outside.
 *
 * Source: tools/testing/selftests/bpf/prog_tests/token.c `subtest_userns`.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { systemError } from '../../../src/syscalls/errno.ts'
import { allocate, type NativeMemory } from '../../../src/syscalls/memory.ts'
import { nr } from '../../../src/syscalls/numbers.ts'

/** System calls that only tests need; the same numbers on x64 and arm64. */
const calls = { move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, pidfd_getfd: 438 } as const

const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6
const FSMOUNT_CLOEXEC = 1
const MOVE_MOUNT_F_EMPTY_PATH = 4
const AT_FDCWD = -100

/** Descriptor that a process in the namespace finds its mount at. */
const MOUNT_FD = 3

const holder = fileURLToPath(new URL('./namespace-holder.js', import.meta.url))
const scenarios = fileURLToPath(new URL('./token-process.js', import.meta.url))

const NEW = ['--user', '--map-root-user', '--mount', '--propagation', 'private']

/** User namespaces that root may make. */
export const userNamespaces: Feature = defineFeature('A user namespace', undefined, () =>
  spawnSync('unshare', [...NEW, 'true']).status === 0 ? 'yes' : 'no',
)

/** Mount options of a BPF file system that delegates, as the kernel reads them. */
export interface DelegateOptions {
  readonly delegate_cmds?: string
  readonly delegate_maps?: string
  readonly delegate_progs?: string
  readonly delegate_attachs?: string
}

/** How a scenario runs. */
export interface ScenarioOptions {
  /** What the file system delegates. Default: nothing. */
  readonly delegate?: DelegateOptions
  /** Capabilities that the process goes without, by number. */
  readonly without?: readonly number[]
  /** Environment variables, beside those of the test. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs a scenario of `token-process.ts` in a new user namespace, which finds a BPF file system of the namespace at
 * descriptor 3.
 *
 * @returns what it prints
 */
export async function inUserNamespace(
  scenario: string,
  { delegate = {}, without = [], env = {} }: ScenarioOptions = {},
): Promise<Record<string, unknown>> {
  const namespace = spawn('unshare', [...NEW, process.execPath, holder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const [line] = (await once(namespace.stdout!, 'data')) as [Buffer]
    const mount = mountOf(namespace, Number(String(line)), delegate)
    try {
      const limits =
        without.length === 0
          ? []
          : ['setpriv', '--bounding-set', without.map(each => `-cap_${each}`).join(',')]
      const command = [...limits, process.execPath, scenarios, scenario]
      const enter = ['-t', String(namespace.pid), '--user', '--mount', '--preserve-credentials', ...command]
      const { stdout, stderr, status } = spawnSync('nsenter', enter, {
        stdio: ['ignore', 'pipe', 'pipe', mount],
        encoding: 'utf8',
        env: { ...process.env, ...env },
      })
      if (status !== 0) throw new Error(`Scenario ${scenario} failed: ${stderr}${stdout}`)
      return JSON.parse(stdout) as Record<string, unknown>
    } finally {
      syscallEntry().syscall(nr.close, mount)
    }
  } finally {
    namespace.stdin!.end()
    if (namespace.exitCode === null) await once(namespace, 'exit')
  }
}

/** Takes the context of a file system from a process, sets what it delegates, and mounts it; a new descriptor. */
function mountOf(namespace: ChildProcess, contextFd: number, delegate: DelegateOptions): number {
  const pidfd = checked('pidfd_open', syscallEntry().syscall(nr.pidfd_open, namespace.pid!))
  const context = checked('pidfd_getfd', syscallEntry().syscall(calls.pidfd_getfd, pidfd, contextFd, 0))
  try {
    for (const [name, value] of Object.entries(delegate)) {
      configure(context, FSCONFIG_SET_STRING, name, value as string)
    }
    configure(context, FSCONFIG_CMD_CREATE)
    return checked('fsmount', syscallEntry().syscall(calls.fsmount, context, FSMOUNT_CLOEXEC, 0))
  } finally {
    for (const fd of [context, pidfd]) syscallEntry().syscall(nr.close, fd)
  }
}

function configure(context: number, command: number, name?: string, value?: string): void {
  const result = syscallEntry().syscall(calls.fsconfig, context, command, text(name), text(value), 0)
  checked(`fsconfig of ${name}`, result)
}

/** Opens a context of a BPF file system, which belongs to the user namespace of this process. */
export function openContext(): number {
  return checked('fsopen', syscallEntry().syscall(calls.fsopen, text('bpf'), 0))
}

/** Mounts what a process in the namespace found at its descriptor 3. */
export function mountAt(path: string): void {
  const [from, to] = [text(''), text(path)]
  const { syscall } = syscallEntry()
  checked('move_mount', syscall(calls.move_mount, MOUNT_FD, from, AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH))
  closeSync(MOUNT_FD)
}

/** Keeps what system calls read. */
const texts = new Map<string, NativeMemory>()

/** Address of a NUL-terminated text; 0 for none. */
function text(value: string | undefined): number {
  if (value === undefined) return 0
  let memory = texts.get(value)
  if (memory === undefined) {
    const encoded = new TextEncoder().encode(`${value}\0`)
    memory = allocate(encoded.length)
    memory.bytes.set(encoded)
    texts.set(value, memory)
  }
  return memory.address
}

function checked(what: string, result: number): number {
  if (result < 0) throw systemError(`Cannot prepare a user namespace: ${what}`, result, what)
  return result
}
