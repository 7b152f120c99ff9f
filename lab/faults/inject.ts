/**
 * Makes one system call or file operation of this process fail.
 *
 * It wraps the entry of the system calls and the functions of `node:fs`. What gives back or cannot fail (`close`, `munmap`,
 * signal masks) is left alone.
 *
 * @module
 */

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { commands } from '../../src/abi/generated/enums.ts'
import { errnoName } from '../../src/base/errno.ts'
import type { SyscallEntry } from '../../src/syscalls/backends/syscall-entry.ts'
import { syscallEntry } from '../../src/syscalls/entry.ts'
import { systemError } from '../../src/syscalls/errno.ts'
import { nr } from '../../src/syscalls/numbers.ts'

/** What was done while a fault was sought, or injected. */
export interface Injection {
  /** How many operations there were. */
  readonly operations: number
  /** The one that failed, such as `'bpf(map_create)'`; `undefined` when there were fewer. */
  readonly failed: string | undefined
}

const UNFAILING: readonly number[] = [nr.close, nr.munmap, nr.rt_sigprocmask]
const FILE_OPERATIONS = [
  'accessSync',
  'fstatSync',
  'mkdirSync',
  'openSync',
  'readFileSync',
  'readSync',
  'readdirSync',
  'readlinkSync',
  'realpathSync',
  'statSync',
  'statfsSync',
  'writeFileSync',
  'writeSync',
] as const

const syscallNames = new Map<number, string>(Object.entries(nr).map(([name, number]) => [number, name]))
const commandNames = new Map<number, string>(Object.entries(commands).map(([name, number]) => [number, name]))

let active: { at: number; errno: number; count: number; failed: string | undefined } | undefined

/** Whether this operation is the one to fail. */
function fails(name: () => string): boolean {
  if (active === undefined) return false
  active.count++
  if (active.count !== active.at) return false
  active.failed = name()
  return true
}

function nameOf(number: number, command: number | undefined): string {
  const name = syscallNames.get(number) ?? `system call ${number}`
  return number === nr.bpf ? `bpf(${commandNames.get(command ?? -1) ?? command})` : name
}

function refuses(number: number, command: number | undefined): boolean {
  return !UNFAILING.includes(number) && fails(() => nameOf(number, command))
}

const entry = syscallEntry()
const { prepare } = entry
// Prepared calls are kept: those that are made before this module is loaded are not wrapped.
entry.prepare = () => {
  const { call, make } = prepare()
  return { call, make: () => (refuses(call[0]!, call[2]) ? -active!.errno : make()) }
}

/** Does something without counting what it does. */
function unseen<T>(act: () => T): T {
  const paused = active
  active = undefined
  try {
    return act()
  } finally {
    active = paused
  }
}

function wrapEntry(): () => void {
  const { syscall, syscallAsync, watch } = entry
  const wrapped: Pick<SyscallEntry, 'syscall' | 'syscallAsync' | 'watch'> = {
    syscall: (...call) =>
      refuses(call[0], call[1]) ? -active!.errno : unseen(() => syscall.call(entry, ...call)),
    syscallAsync: async (...call) => {
      if (refuses(call[0], call[1])) return -active!.errno
      const paused = active
      active = undefined
      try {
        return await syscallAsync.call(entry, ...call)
      } finally {
        active = paused
      }
    },
    watch: (fd, onReadable) => {
      if (fails(() => 'watch'))
        throw systemError(`Cannot watch descriptor ${fd}`, -active!.errno, 'epoll_ctl')
      return unseen(() => watch.call(entry, fd, onReadable))
    },
  }
  Object.assign(entry, wrapped)
  return () => Object.assign(entry, { syscall, syscallAsync, watch })
}

type AnyFunction = (...args: unknown[]) => unknown

function wrapFiles(): () => void {
  const target = fs as unknown as Record<string, AnyFunction>
  const originals = new Map<string, AnyFunction>()
  for (const name of FILE_OPERATIONS) {
    const original = target[name]!
    originals.set(name, original)
    target[name] = (...args) => {
      if (!fails(() => `${name} ${args[0]}`)) return unseen(() => original.apply(fs, args))
      const code = errnoName(active!.errno)
      const message = `${code}: injected, ${name} '${args[0]}'`
      throw Object.assign(new Error(message), { errno: -active!.errno, code, syscall: name })
    }
  }
  const exists = fs.existsSync as unknown as AnyFunction
  originals.set('existsSync', exists)
  target.existsSync = (...args) => !fails(() => `existsSync ${args[0]}`) && unseen(() => exists(...args))
  syncBuiltinESMExports()
  return () => {
    for (const [name, original] of originals) target[name] = original
    syncBuiltinESMExports()
  }
}

/**
 * Runs something with one operation failing.
 *
 * @param at which operation, from 1
 * @param errno it fails with that
 * @param act what is run; what it throws is thrown
 * @param onEnd is given what happened, whether `act` throws or not
 */
export async function inject<T>(
  at: number,
  errno: number,
  act: () => T | Promise<T>,
  onEnd: (injection: Injection) => void,
): Promise<T> {
  const restore = [wrapEntry(), wrapFiles()]
  const state = { at, errno, count: 0, failed: undefined }
  active = state
  try {
    return await act()
  } finally {
    active = undefined
    for (const each of restore) each()
    onEnd({ operations: state.count, failed: state.failed })
  }
}
