/**
 * Why a program is not attached to XDP: the kernel keeps its words for netlink, and returns only an errno for links.
 *
 * Source: net/core/dev.c `dev_xdp_attach`; drivers such as drivers/net/veth.c `veth_xdp_set`.
 *
 * @module
 */

import { BPF_F_XDP_HAS_FRAGS } from '../../../abi/constants.ts'
import { errnos } from '../../../base/errno.ts'
import { BpfError, unlessRefused } from '../../../base/errors.ts'
import { Program } from '../../../programs/program.ts'
import { Link, type ProgramHandle } from '../../link.ts'
import { deviceMtu } from './device.ts'

/** An attachment that the kernel has refused. */
export interface RefusedXdp {
  readonly errno: number
  /** Of the device. */
  readonly index: number
  readonly mode: 'generic' | 'driver' | 'offload' | undefined
  readonly program: ProgramHandle
}

/**
 * Says why, by what is attached to the device already, and what the device can.
 *
 * @returns `undefined` for an errno that has other reasons
 */
export function explainXdp({ errno, index, mode, program }: RefusedXdp): string | undefined {
  switch (errno) {
    case errnos.EBUSY:
      return attached(index)
    case errnos.EEXIST:
      return `${attached(index)}; generic and driver mode exclude each other, as do a device and the bond that it is in`
    case errnos.EOPNOTSUPP:
      return `its driver does not run XDP ${mode === 'offload' ? 'on the device' : 'in this configuration'}${packets(index, program)}${
        mode === 'generic' ? '' : "; mode 'generic' needs no driver"
      }`
    case errnos.ERANGE:
      return `its driver takes XDP only for smaller packets${packets(index, program)}; the peer of a veth counts too`
    case errnos.EINVAL: {
      const large = packets(index, program)
      return mtuIsLarge(index, program)
        ? `its driver may take XDP only for smaller packets${large}`
        : undefined
    }
    default:
      return undefined
  }
}

/** What fits into a page with the room that drivers leave. Larger packets are in several buffers. */
const LARGE_MTU = 3000

function mtuIsLarge(index: number, program: ProgramHandle): boolean {
  return takesFragments(program) === false && (unlessRefused(() => deviceMtu(index)) ?? 0) > LARGE_MTU
}

/** What is known of packets, as the end of a message. */
function packets(index: number, program: ProgramHandle): string {
  const mtu = unlessRefused(() => deviceMtu(index))
  const is = mtu === undefined ? '' : `: its MTU is ${mtu}`
  return takesFragments(program) === false
    ? `${is}${is === '' ? ':' : ', and'} the program is not loaded for packets of several buffers (BPF_F_XDP_HAS_FRAGS, SEC("xdp.frags"))`
    : is
}

function takesFragments({ spec }: ProgramHandle): boolean | undefined {
  return spec === undefined ? undefined : ((spec.flags ?? 0) & BPF_F_XDP_HAS_FRAGS) !== 0
}

/** Which program a device has, as far as links show it: they have its index, but not its network namespace. */
function attached(index: number): string {
  const found: string[] = []
  try {
    for (const each of Link.list()) {
      using link = each
      const info = link.info()
      if (info.type !== 'xdp' || !('ifindex' in info) || info.ifindex !== index) continue
      found.push(`link ${info.id} runs program ${info.programId}${nameOf(info.programId)}`)
    }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return `which program it has could not be found out (${error.code})`
  }
  return found.length === 0
    ? 'no link of XDP is on a device of that index; a program may be attached without one, as ip(8) does'
    : `on a device of that index, in this or another network namespace, ${found.join(', ')}`
}

function nameOf(id: number): string {
  return (
    unlessRefused(() => {
      using program = Program.fromId(id)
      return program.name === '' ? '' : ` (${program.name})`
    }) ?? ''
  )
}
