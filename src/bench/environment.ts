/**
 * The machine, as far as it decides what a probe costs, and what of it would spoil the result.
 *
 * @module
 */

import { readdirSync } from 'node:fs'
import { release, version } from 'node:os'
import { join } from 'node:path'
import { readText } from '../kernel/read-text.ts'
import { TARGET_HELPER, TARGET_KFUNC } from './driver.ts'
import { parseKprobeList } from './kprobe-list.ts'

/** The machine. What could not be read is `null`. */
export interface Environment {
  /** Release and build of the kernel. */
  readonly kernel: string
  readonly architecture: string
  /** Name of the CPU. */
  readonly cpu: string | null
  /** CPUs that this process may run on, as a list: `'0-3'`. */
  readonly allowedCpus: string | null
  /** Governor of the frequency of the first of these CPUs. */
  readonly governor: string | null
  /** What the machine is emulated or virtualized by; `null` when it seems to be a real one. */
  readonly virtualization: string | null
  /** Whether instructions are emulated one by one: times say nothing of hardware then. */
  readonly emulated: boolean
  /** `net.core.bpf_jit_enable`; 0 is off. */
  readonly jit: number | null
  /** `net.core.bpf_jit_harden`; constants are blinded when it is not 0. */
  readonly jitHarden: number | null
  /** `kernel.bpf_stats_enabled`: every run of a program is timed, some 20 ns each. */
  readonly bpfStats: number | null
  /** `debug.kprobes-optimization`. */
  readonly kprobesOptimization: number | null
  /** `kernel.ftrace_enabled`. */
  readonly ftraceEnabled: number | null
  /** Mitigations by vulnerability, as the kernel puts them; without what it is not affected by. */
  readonly mitigations: Readonly<Record<string, string>>
  /** Functions that ftrace traces now. */
  readonly enabledFunctions: number | null
  /** Probes that others have on the targets. */
  readonly probesOnTarget: readonly string[]
  /** Lists of probes that could not be read, so that probes of others may be there without being seen. */
  readonly unreadable: readonly string[]
  /** How far the kernel is locked down: `'none'`, `'integrity'`, `'confidentiality'`. */
  readonly lockdown: string | null
  /** Debugging options of the kernel that make everything slow. */
  readonly debugging: readonly string[]
  /** Version of Node.js, which only starts the measurements. */
  readonly node: string
}

/** Reads a file; `undefined` when it cannot be read. */
export type ReadText = (path: string) => string | undefined

const VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities'
const KPROBES = '/sys/kernel/debug/kprobes/list'
const ENABLED_FUNCTIONS = '/sys/kernel/tracing/enabled_functions'
const TARGETS: readonly string[] = [TARGET_HELPER, TARGET_KFUNC]

/**
 * Looks at the machine.
 *
 * @param read reads a file of procfs, sysfs, debugfs or tracefs
 * @param list lists a directory of them
 */
export function readEnvironment(
  read: ReadText = readText,
  list: (path: string) => readonly string[] = listIfThere,
): Environment {
  const cpuinfo = read('/proc/cpuinfo') ?? ''
  const emulated = isEmulated(cpuinfo)
  const allowedCpus = /^Cpus_allowed_list:\s*(\S+)/m.exec(read('/proc/self/status') ?? '')?.[1] ?? null
  const cpu = Number.parseInt(allowedCpus ?? '0', 10)
  const kprobes = read(KPROBES)
  // Lines that are indented say more of the function before them.
  const enabled = linesOf(
    read(ENABLED_FUNCTIONS) ?? read('/sys/kernel/debug/tracing/enabled_functions'),
  )?.filter(line => !/^\s/.test(line))
  return {
    kernel: `${release()} ${version()}`,
    architecture: process.arch,
    cpu: /^(?:model name|Model|CPU part)\s*:\s*(.+)$/m.exec(cpuinfo)?.[1] ?? null,
    allowedCpus,
    governor: trimmed(read(`/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`)),
    virtualization: virtualizationOf(cpuinfo, emulated, read),
    emulated,
    jit: numberOf(read('/proc/sys/net/core/bpf_jit_enable')),
    jitHarden: numberOf(read('/proc/sys/net/core/bpf_jit_harden')),
    bpfStats: numberOf(read('/proc/sys/kernel/bpf_stats_enabled')),
    kprobesOptimization: numberOf(read('/proc/sys/debug/kprobes-optimization')),
    ftraceEnabled: numberOf(read('/proc/sys/kernel/ftrace_enabled')),
    mitigations: Object.fromEntries(
      list(VULNERABILITIES).flatMap(name => {
        const state = trimmed(read(join(VULNERABILITIES, name)))
        return state === null || state === 'Not affected' ? [] : [[name, state]]
      }),
    ),
    enabledFunctions: enabled === undefined ? null : enabled.length,
    probesOnTarget: [...kprobesOnTarget(kprobes ?? ''), ...(enabled ?? []).filter(isTarget)],
    unreadable: [
      ...(kprobes === undefined ? [KPROBES] : []),
      ...(enabled === undefined ? [ENABLED_FUNCTIONS] : []),
    ],
    lockdown: /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown') ?? '')?.[1] ?? null,
    debugging: [
      ...(read('/proc/lockdep') === undefined ? [] : ['lockdep']),
      ...(read('/sys/kernel/debug/kmemleak') === undefined ? [] : ['kmemleak']),
    ],
    node: process.version,
  }
}

function kprobesOnTarget(list: string): string[] {
  return parseKprobeList(list)
    .filter(({ symbol }) => TARGETS.includes(symbol))
    .map(({ kind, symbol, offset }) => `${kind} ${symbol}+${offset}`)
}

function isTarget(line: string): boolean {
  return TARGETS.includes(line.split(/\s/, 1)[0] ?? '')
}

/** QEMU names its own CPU on x86, and has an implementer of 0 and a part of `Q` on arm64. */
function isEmulated(cpuinfo: string): boolean {
  return (
    /^model name\s*:.*\bTCG\b/m.test(cpuinfo) ||
    (/^CPU implementer\s*:\s*0x00$/m.test(cpuinfo) && /^CPU part\s*:\s*0x051$/m.test(cpuinfo))
  )
}

function virtualizationOf(cpuinfo: string, emulated: boolean, read: ReadText): string | null {
  if (emulated) return 'QEMU TCG'
  const product = trimmed(read('/sys/class/dmi/id/sys_vendor'))
  const known = [
    'QEMU',
    'Amazon EC2',
    'Google',
    'VMware, Inc.',
    'Microsoft Corporation',
    'innotek GmbH',
    'Xen',
  ]
  const hypervisor =
    /^flags\s*:.*\bhypervisor\b/m.test(cpuinfo) ||
    read('/sys/hypervisor/type') !== undefined ||
    read('/proc/device-tree/hypervisor/compatible') !== undefined
  if (hypervisor) return product ?? 'a hypervisor'
  return product !== null && process.arch !== 'x64' && known.includes(product) ? product : null
}

/**
 * What of a machine would spoil the result, in words; the first is the worst.
 *
 * @param environment as `readEnvironment` found it
 */
export function spoilers(environment: Environment): string[] {
  const { allowedCpus, governor, probesOnTarget, unreadable, mitigations } = environment
  const found: (string | false | null)[] = [
    probesOnTarget.length > 0 &&
      `another process has a probe on the target (${probesOnTarget.join('; ')}): kprobes look cheaper and fentry dearer`,
    environment.lockdown !== null &&
      environment.lockdown !== 'none' &&
      `the kernel is locked down (${environment.lockdown}): it may refuse probes that it has`,
    environment.emulated && 'the CPU is emulated: times say nothing of hardware, only hit counts do',
    environment.jit === 0 && 'the JIT is off: programs are interpreted, and fentry is not possible',
    environment.bpfStats === 1 && 'kernel.bpf_stats_enabled is on: every run costs some 20 ns more',
    environment.debugging.length > 0 && `the kernel is a debug build (${environment.debugging.join(', ')})`,
    environment.ftraceEnabled === 0 &&
      'kernel.ftrace_enabled is off: fentry, kprobe_multi and others cannot attach',
    environment.jitHarden !== null &&
      environment.jitHarden > 1 &&
      'net.core.bpf_jit_harden is 2: constants are blinded, programs are longer',
    environment.kprobesOptimization === 0 &&
      'debug.kprobes-optimization is off: kprobes behind the entry stay breakpoints',
    environment.enabledFunctions !== null &&
      environment.enabledFunctions > 0 &&
      `ftrace is at work on ${environment.enabledFunctions} functions already`,
    unreadable.length > 0 &&
      `${unreadable.join(' and ')} cannot be read: probes of others would not be seen (are debugfs and tracefs mounted?)`,
    !environment.emulated &&
      environment.virtualization !== null &&
      `this is a virtual machine (${environment.virtualization}): neighbours and exits add noise`,
    governor !== null &&
      governor !== 'performance' &&
      `the CPU's frequency governor is '${governor}', not 'performance'`,
    allowedCpus !== null &&
      /[-,]/.test(allowedCpus) &&
      `the process may move between CPUs ${allowedCpus}: start it with 'taskset -c CPU'`,
    Object.values(mitigations).some(state => /\b(?:Retpolines|IBRS|RSB|thunk)/i.test(state)) &&
      'mitigations make indirect calls, and with them probes, slower: compare only with figures of the same mitigations',
  ]
  return found.filter(each => typeof each === 'string')
}

function numberOf(text: string | undefined): number | null {
  const value = trimmed(text)
  return value !== null && /^-?\d+$/.test(value) ? Number(value) : null
}

function trimmed(text: string | undefined): string | null {
  const value = text?.replaceAll('\0', '').trim()
  return value === undefined || value === '' ? null : value
}

function linesOf(text: string | undefined): string[] | undefined {
  return text?.split('\n').filter(line => line !== '')
}

function listIfThere(path: string): readonly string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    return []
  }
}
