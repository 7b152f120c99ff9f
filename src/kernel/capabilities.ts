/**
 * Capabilities of this process.
 *
 * @module
 */

import { CAP_BPF, CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN } from '../abi/linux.ts'

/** Name of a capability that BPF asks for, or access to files. */
export type Capability = 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_NET_ADMIN' | 'CAP_SYS_ADMIN' | 'CAP_DAC_OVERRIDE'

const bits: Readonly<Record<Capability, number>> = {
  CAP_BPF,
  CAP_PERFMON,
  CAP_NET_ADMIN,
  CAP_SYS_ADMIN,
  CAP_DAC_OVERRIDE,
}

/** Capabilities that BPF asks for. `CAP_SYS_ADMIN` stands for each of them. */
export const BPF_CAPABILITIES: readonly Capability[] = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN']

/**
 * Those of some capabilities which a process lacks; of those that BPF asks for none when it has `CAP_SYS_ADMIN`.
 *
 * @param status text of `/proc/PID/status`
 * @param wanted default: all that BPF asks for
 */
export function lackedCapabilities(
  status: string,
  wanted: readonly Capability[] = BPF_CAPABILITIES,
): Capability[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const has = (name: Capability): boolean => ((effective >> BigInt(bits[name])) & 1n) === 1n
  return wanted.filter(name => !has(name) && (name === 'CAP_DAC_OVERRIDE' || !has('CAP_SYS_ADMIN')))
}
