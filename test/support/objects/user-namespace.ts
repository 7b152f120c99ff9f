/**
 * A process in a user namespace of its own, and BPF file systems that delegate to it. A mount is made as the kernel wants
 * it: its context is of the namespace, and what it delegates is set, and the mount made, by root outside.
 *
 * Source: tools/testing/selftests/bpf/prog_tests/token.c `subtest_userns`.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { AT_FDCWD } from '../../../src/abi/linux.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { systemError } from '../../../src/syscalls/errno.ts'
import { allocate, type NativeMemory } from '../../../src/syscalls/memory.ts'
import { nr } from '../../../src/syscalls/numbers.ts'

/** System calls that only tests need; the same numbers on x64 and arm64. */
const calls = { move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, pidfd_getfd: 438 } as const
/** Those with a number for each. */
const capset = process.arch === 'arm64' ? 91 : 126

const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6
const FSMOUNT_CLOEXEC = 1
const MOVE_MOUNT_F_EMPTY_PATH = 4
const LINUX_CAPABILITY_VERSION_3 = 0x20080522

/** Descriptor that a process in the namespace finds its first mount at. */
const FIRST_MOUNT = 3

const holder = fileURLToPath(new URL('./namespace-holder.js', import.meta.url))

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

/**
 * Runs a script in a new user namespace. It finds a BPF file system of the namespace for each of `delegate`, at
 * descriptors from 3 on.
 *
 * @param args of the script
 * @param env environment variables, beside those of the test
 * @returns what it prints
 */
export async function inUserNamespace(
  script: string,
  args: readonly string[],
  delegate: readonly DelegateOptions[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const namespace = spawn('unshare', [...NEW, process.execPath, holder, String(delegate.length)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const mounts: number[] = []
  try {
    const [line] = (await once(namespace.stdout!, 'data')) as [Buffer]
    const contexts = String(line).trim().split(' ').map(Number)
    for (const [i, options] of delegate.entries()) mounts.push(mountOf(namespace, contexts[i]!, options))
    const command = [process.execPath, script, ...args]
    const enter = ['-t', String(namespace.pid), '--user', '--mount', '--preserve-credentials', ...command]
    const { stdout, stderr, status } = spawnSync('nsenter', enter, {
      stdio: ['ignore', 'pipe', 'pipe', ...mounts],
      encoding: 'utf8',
      env: { ...process.env, ...env },
    })
    if (status !== 0) throw new Error(`${script} failed: ${stderr}${stdout}`)
    return stdout
  } finally {
    for (const mount of mounts) syscallEntry().syscall(nr.close, mount)
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

/** Path of a file system that this process, in the namespace, found at a descriptor; from 0. */
export function mountPath(index: number): string {
  return `/proc/self/fd/${FIRST_MOUNT + index}`
}

/** Mounts it where others find it. */
export function mountAt(index: number, path: string): void {
  const [fd, from, to] = [FIRST_MOUNT + index, text(''), text(path)]
  const { syscall } = syscallEntry()
  checked('move_mount', syscall(calls.move_mount, fd, from, AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH))
}

/** Goes without some capabilities, by number, while something runs on this thread. */
export function withoutCapabilities<T>(capabilities: readonly number[], act: () => T): T {
  const every = (1n << 41n) - 1n
  setEffective(capabilities.reduce((left, bit) => left & ~(1n << BigInt(bit)), every))
  try {
    return act()
  } finally {
    setEffective(every)
  }
}

function setEffective(effective: bigint): void {
  const permitted = (1n << 41n) - 1n
  const header = allocate(8)
  header.view.setUint32(0, LINUX_CAPABILITY_VERSION_3, true)
  const data = allocate(24)
  for (const half of [0, 1]) {
    const word = (mask: bigint): number => Number(BigInt.asUintN(32, mask >> BigInt(32 * half)))
    data.view.setUint32(half * 12, word(effective), true)
    data.view.setUint32(half * 12 + 4, word(permitted), true)
  }
  checked('capset', syscallEntry().syscall(capset, header.address, data.address))
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
