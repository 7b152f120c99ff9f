/**
 * What a kernel test can need, and why it cannot have it.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { EVERY_KERNEL } from '../../lab/test-runner/declared.ts'
import { BPF_FS_MAGIC, CAP_NET_ADMIN, CGROUP2_SUPER_MAGIC, TRACEFS_MAGIC } from '../../src/abi/linux.ts'
import type { Feature, ProbeAnswer } from '../../src/kernel/probes/probe.ts'

/** Something other than a kernel feature that a test needs. */
export type Requirement =
  | 'root'
  | 'guest'
  | 'net_admin'
  | 'bpffs'
  | 'tracefs'
  | 'cgroup2'
  | 'bpftool'
  | 'strace'
  | 'nm'
  | 'cc'
  | typeof EVERY_KERNEL

/** Where cgroup2 is mounted, alone or beside version 1. */
const CGROUP2_PATHS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'] as const

const requirements: Record<Requirement, { name: string; probe: () => ProbeAnswer }> = {
  root: { name: 'root', probe: () => (process.getuid?.() === 0 ? 'yes' : 'no') },
  guest: {
    name: 'a guest, which is thrown away',
    probe: () => (existsSync('.guest') ? 'yes' : 'no'),
  },
  net_admin: { name: 'CAP_NET_ADMIN', probe: hasNetAdmin },
  bpffs: { name: 'a bpffs at /sys/fs/bpf', probe: () => isMounted('/sys/fs/bpf', BPF_FS_MAGIC) },
  tracefs: {
    name: 'tracefs at /sys/kernel/tracing',
    probe: () => isMounted('/sys/kernel/tracing', TRACEFS_MAGIC),
  },
  cgroup2: { name: 'a cgroup2 file system', probe: () => (cgroup2Path() === undefined ? 'no' : 'yes') },
  bpftool: { name: 'bpftool', probe: () => hasCommand('bpftool', 'version') },
  strace: { name: 'strace', probe: () => hasCommand('strace', '-V') },
  nm: { name: 'nm of binutils', probe: () => hasCommand('nm', '--version') },
  cc: { name: 'a C compiler', probe: () => hasCommand('cc', '--version') },
  [EVERY_KERNEL]: { name: 'a kernel', probe: () => 'yes' },
}

/** Mount point of cgroup2; `undefined` without one. */
export function cgroup2Path(): string | undefined {
  return CGROUP2_PATHS.find(path => isMounted(path, CGROUP2_SUPER_MAGIC) === 'yes')
}

function hasCommand(command: string, harmless: string): ProbeAnswer {
  return spawnSync(command, [harmless]).error === undefined ? 'yes' : 'no'
}

/** Whether a file system of a kind is mounted at a path. */
function isMounted(path: string, magic: number): ProbeAnswer {
  try {
    return statfsSync(path).type === magic ? 'yes' : 'no'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no' : 'unknown'
  }
}

function hasNetAdmin(): ProbeAnswer {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  if (effective === undefined) return 'unknown'
  return ((BigInt(`0x${effective}`) >> BigInt(CAP_NET_ADMIN)) & 1n) === 1n ? 'yes' : 'no'
}

/**
 * Says which of some needs are missing for certain: `'needs tcx (Linux 6.6)'`.
 *
 * @returns undefined when none is
 */
export function missing(needs: readonly (Feature | Requirement)[]): string | undefined {
  const names = needs.flatMap(need => {
    const { name, since, probe } =
      typeof need === 'string' ? { ...requirements[need], since: undefined } : need
    if (probe() !== 'no') return []
    return [since === undefined ? name : `${name} (Linux ${since})`]
  })
  return names.length === 0 ? undefined : `needs ${names.join(', ')}`
}
