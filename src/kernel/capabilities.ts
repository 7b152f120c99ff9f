/**
 * Capabilities of this process.
 *
 * @module
 */

import { CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN } from '../abi/linux.ts'

/** Capabilities that BPF asks for. `CAP_SYS_ADMIN` stands for each of the others. */
const BPF_CAPABILITIES: Readonly<Record<BpfCapability, number>> = { CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN }

/** Name of a capability that BPF asks for. */
export type BpfCapability = 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_NET_ADMIN'

/**
 * Those of the capabilities that BPF asks for which a process lacks; empty when it has `CAP_SYS_ADMIN`.
 *
 * @param status text of `/proc/PID/status`
 */
export function lackedCapabilities(status: string): BpfCapability[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const has = (bit: number): boolean => ((effective >> BigInt(bit)) & 1n) === 1n
  if (has(CAP_SYS_ADMIN)) return []
  return (Object.keys(BPF_CAPABILITIES) as BpfCapability[]).filter(name => !has(BPF_CAPABILITIES[name]))
}
