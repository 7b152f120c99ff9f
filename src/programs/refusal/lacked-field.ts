/**
 * Options of a load that the running kernel does not have: it says but `EINVAL` or `E2BIG` of a field that it does not know.
 *
 * @module
 */

import { E2BIG, EINVAL, EOPNOTSUPP } from '../../base/errno.ts'
import { features } from '../../kernel/probes/features.ts'
import type { Feature } from '../../kernel/probes/probe.ts'
import type { TokenHandle } from '../../kernel/tokens/handle.ts'
import type { AttrFields } from '../../syscalls/attr.ts'

/**
 * What a refused load asks for and the kernel, for certain, lacks; `undefined` when it is refused for something else.
 *
 * @param result -errno
 */
export function lackedField(
  { fd_array_cnt, signature }: AttrFields<'prog_load'>,
  result: number,
  token: TokenHandle | undefined,
): Feature | undefined {
  if (result !== -EINVAL && result !== -E2BIG && result !== -EOPNOTSUPP) return undefined
  const asked = [
    fd_array_cnt === undefined ? undefined : features.mapsAtLoad,
    signature === undefined ? undefined : features.programSignatures,
  ]
  return asked.find(feature => feature?.probe(token ?? false) === 'no')
}
