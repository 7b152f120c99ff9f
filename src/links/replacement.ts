/**
 * Why a link does not take another program.
 *
 * Source: `update_prog` of each type of link, such as `bpf_xdp_link_update` in net/core/dev.c.
 *
 * @module
 */

import { unlessRefused } from '../base/errors.ts'
import { readProgramInfo } from '../programs/info.ts'
import { typesOfAttachType } from '../programs/program-kinds.ts'
import { readLinkInfo } from './read-info.ts'

/**
 * Compares the type of a program with those that the hook of a link takes.
 *
 * @param linkFd of the link that refused it with `EINVAL`
 * @param programFd of the program; of a map where the link is one of operations
 * @returns `undefined` when the kernel does not say what they are
 */
export function explainReplacement(linkFd: number, programFd: number): string | undefined {
  const info = unlessRefused(() => readLinkInfo(linkFd))
  if (info === undefined || info.type === 'struct_ops') return undefined
  const type = unlessRefused(() => readProgramInfo(programFd).type)
  if (type === undefined) return 'the descriptor is not that of a program'
  const attachType =
    info.type === 'xdp'
      ? 'xdp'
      : info.type === 'iter'
        ? 'trace_iter'
        : 'attachType' in info
          ? info.attachType
          : undefined
  const types = attachType === undefined ? [] : typesOfAttachType(attachType)
  if (types.length === 0) return undefined
  return types.some(each => each === type)
    ? `the program is of type ${type}, which fits; the kernel gives no other reason`
    : `the program is of type ${type}, and ${attachType} takes ${types.join(' or ')}`
}
