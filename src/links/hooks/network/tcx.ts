/**
 * tcx: the ingress and egress of a network device, without a qdisc.
 *
 * Source: kernel/bpf/tcx.c `tcx_link_attach`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { attachTypeSince } from '../../../abi/since.ts'
import { features } from '../../../kernel/probes/features.ts'
import { createLink } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { type Anchor, anchorFields } from '../anchor.ts'
import { bySectionAt, type HookDefinition } from '../definition.ts'
import { type HookUse, requireProgramType } from '../program-kind.ts'
import { type Device, deviceIndex } from './device.ts'

/** How to attach to tcx. */
export interface TcxOptions {
  /** Place among the programs that are attached already. Default: last. */
  anchor?: Anchor
  /** Attach only if the hook still has this revision; otherwise fail with `ESTALE`. */
  expectedRevision?: bigint
}

/**
 * Attaches a `sched_cls` program to the ingress or egress of a device, without a qdisc. Since Linux 6.6.
 *
 * @throws BpfError with `ERR_PROGRAM_TYPE` when the program is of another type; or when the kernel refuses
 * @throws TypeError when the direction is another word
 */
export function tcx(
  program: ProgramHandle,
  device: Device,
  direction: 'ingress' | 'egress',
  options: TcxOptions = {},
): Link {
  const { anchor, expectedRevision = 0n } = options
  const what = `program ${program.name} to tcx ${direction} of device ${device}`
  if (direction !== 'ingress' && direction !== 'egress')
    throw new TypeError(`Cannot attach ${what}: the direction is ingress or egress`)
  const use: HookUse = { program, hook: 'tcx' }
  requireProgramType(what, use)
  const target_ifindex = deviceIndex(device, what)
  const { flags, relative } = anchorFields(anchor)
  return new KernelLink(
    createLink({
      what,
      use,
      feature: features.tcx,
      fields: {
        prog_fd: program.fd,
        target_ifindex,
        attach_type: attachTypes[`tcx_${direction}`],
        flags,
        tcx: { relative_fd: relative, expected_revision: expectedRevision },
      },
    }),
  )
}

/** The hook `tcx`. */
export const tcxHook: HookDefinition = {
  attachesTo: 'the ingress or egress of a network device',
  call: "tcx(program, 'eth0', 'ingress')",
  since: attachTypeSince.tcx_ingress,
  linkType: 'tcx',
  feature: features.tcx,
  bySection: bySectionAt('device', (program, _, device) => {
    const direction = program.spec?.expectedAttachType === 'tcx_egress' ? 'egress' : 'ingress'
    return { link: tcx(program, device, direction), target: `tcx ${direction} of device ${device}` }
  }),
}
