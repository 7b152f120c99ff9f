/**
 * What a kernel may lack although it is new enough. The tables of first versions are compared with the probes on
 * every kernel; each entry here is a reason why a no may be right all the same, and says when it is.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { BpfError } from '../../../src/base/errors.ts'
import { kernelConfig } from '../../../src/kernel/kconfig.ts'
import type { ProbeAnswer } from '../../../src/kernel/probes/probe.ts'

/** A reason to lack something. */
export interface Exception {
  readonly reason: string
  /** Whether it holds on this kernel. */
  readonly applies: () => boolean
}

let config: Map<string, string> | undefined

/** Whether the kernel was built without an option, or does not tell what it was built with. */
function isBuiltWithout(option: string): boolean {
  try {
    config ??= kernelConfig()
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENOENT') return true
    throw error
  }
  return !/^[ym]$/.test(config.get(option) ?? '')
}

function without(option: string, who: string): Exception {
  return { reason: `${option} is off ${who}`, applies: () => isBuiltWithout(option) }
}

const fprobe = without('CONFIG_FPROBE', 'in Debian 6.1, and in 6.12 on arm64')
const uprobes = without('CONFIG_UPROBE_EVENTS', 'where the architecture has no uprobes')
const lsm = without('CONFIG_BPF_LSM', 'in kernels before it was common')

/** By the name of a feature, or of a type of maps or programs. */
export const exceptions: Readonly<Record<string, Exception>> = {
  kprobe: without('CONFIG_KPROBE_EVENTS', 'in kernels of small virtual machines'),
  uprobe: uprobes,
  uprobeMulti: uprobes,
  uprobeSession: uprobes,
  kprobeMulti: fprobe,
  kprobeSession: fprobe,
  trampoline: {
    reason: 'kernels of sandboxes refuse trampolines to every process, whatever they were built with',
    applies: () => !existsSync('.guest') || isBuiltWithout('CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS'),
  },
  lsm,
  inode_storage: lsm,
  programSignatures: without('CONFIG_SYSTEM_DATA_VERIFICATION', 'in kernels of small virtual machines'),
  lirc_mode2: without('CONFIG_BPF_LIRC_MODE2', 'with CONFIG_RC_CORE, in kernels for virtual machines'),
  netfilter: without('CONFIG_NETFILTER_BPF_LINK', 'in many kernels'),
  lwt_seg6local: without('CONFIG_IPV6_SEG6_BPF', 'in many kernels'),
  xskmap: without('CONFIG_XDP_SOCKETS', 'in many kernels'),
}

/** Kernels whose vendors bring features of later ones; what they lack must still be absent. */
const BACKPORTS = /\.(el\d|amzn)|-azure|-aws/

/** Whether there is a reason for an answer that the table of first versions does not give. */
export function isExcused(name: string, answer: ProbeAnswer): boolean {
  if (answer === 'yes') return BACKPORTS.test(release())
  return answer === 'no' && Object.hasOwn(exceptions, name) && exceptions[name]!.applies()
}
