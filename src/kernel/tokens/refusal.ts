/**
 * Why the kernel refuses a call that was made with a token.
 *
 * @module
 */

import { BPF_CAPABILITIES, type Capability, lackedCapabilities } from '../capabilities.ts'
import { missingDelegation, readDelegations, type TokenUse } from './delegation.ts'
import type { TokenHandle } from './handle.ts'

/** How messages name a token. */
export function describeToken({ fd, path }: TokenHandle): string {
  return path === undefined ? `the BPF token of descriptor ${fd}` : `the BPF token of ${path}`
}

/**
 * Says what the token or the process lacks; `undefined` when both have what the call needs.
 *
 * @param status text of `/proc/self/status`
 * @param asked the capabilities that the call asks for; default: all
 */
export function explainToken(
  token: TokenHandle,
  use: TokenUse,
  status: string,
  asked: readonly Capability[] = BPF_CAPABILITIES,
): string | undefined {
  const delegations = readDelegations(token.fd)
  const missing = delegations === undefined ? undefined : missingDelegation(delegations, use)
  if (missing !== undefined) return `${describeToken(token)} does not delegate ${missing}`
  const lacked = lackedCapabilities(status, asked)
  if (lacked.length === 0) return undefined
  return `this process lacks ${lacked.join(', ')} in its user namespace, which a BPF token does not replace`
}
