/**
 * XDP: programs that see packets before the network stack does.
 *
 * Source: net/core/dev.c `bpf_xdp_link_attach`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { attachTypeSince } from '../../../abi/since.ts'
import { createLink } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { bySectionAt, type HookDefinition } from '../definition.ts'
import { type HookUse, requireProgramType } from '../program-kind.ts'
import { type Device, deviceIndex } from './device.ts'
import { explainXdp } from './xdp-refusal.ts'

/** How an XDP program is run: by the driver, by the generic stack, by the device. Default: the kernel decides. */
export type XdpMode = 'generic' | 'driver' | 'offload'

const XDP_FLAGS: Record<XdpMode, number> = { generic: 1 << 1, driver: 1 << 2, offload: 1 << 3 }

/** How to attach to XDP. */
export interface XdpOptions {
  mode?: XdpMode
}

/**
 * Attaches an XDP program to a device. Since Linux 5.9.
 *
 * @throws BpfError with `EBUSY`, or `EEXIST` in another mode, when the device has an XDP program already; with
 *   `ERR_PROGRAM_TYPE` when the program is of another type
 */
export function xdp(program: ProgramHandle, device: Device, options: XdpOptions = {}): Link {
  const what = `program ${program.name} to XDP of device ${device}`
  const use: HookUse = { program, hook: 'xdp', attachType: 'xdp' }
  requireProgramType(what, use)
  const index = deviceIndex(device, what)
  const { mode } = options
  const flags = mode === undefined ? 0 : XDP_FLAGS[mode]
  return new KernelLink(
    createLink({
      what,
      use,
      fields: { prog_fd: program.fd, target_ifindex: index, attach_type: attachTypes.xdp, flags },
      explain: result => explainXdp({ errno: -result, index, mode, program }),
    }),
  )
}

/** The hook `xdp`. */
export const xdpHook: HookDefinition = {
  attachesTo: 'a network device, before the network stack',
  call: "xdp(program, 'eth0')",
  since: attachTypeSince.xdp,
  linkType: 'xdp',
  bySection: bySectionAt('device', (program, _, device) => ({
    link: xdp(program, device),
    target: `XDP of device ${device}`,
  })),
}
