/**
 * Hooks of network devices and namespaces: XDP, tcx, netfilter, flow dissector, socket look-up.
 *
 * Source: net/core/dev.c `bpf_xdp_link_attach`, kernel/bpf/tcx.c, net/netfilter/nf_bpf_link.c,
 * kernel/bpf/net_namespace.c.
 *
 * @module
 */

import { constants } from 'node:fs'
import { attachTypes } from '../abi/generated/enums.ts'
import { BpfError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { syscallEntry } from '../syscalls/entry.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { allocate } from '../syscalls/memory.ts'
import { nr } from '../syscalls/numbers.ts'
import { ioctl } from '../syscalls/perf.ts'
import { type Anchor, anchorFields } from './anchor.ts'
import { createLink, type Link, type ProgramHandle, withOpen } from './link.ts'

/** A network device: its name in this network namespace, or its index. */
export type Device = string | number

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SIOCGIFINDEX = 0x8933
/** `IFNAMSIZ` of include/uapi/linux/if.h, its terminating zero included. */
const NAME_SIZE = 16
/** `struct ifreq`: the name, then a union of 24 bytes. */
const IFREQ_SIZE = 40

/**
 * Index of a network device of this network namespace. sysfs would not do: it shows the namespace of its mount.
 *
 * @throws RangeError when an index is not a positive number
 * @throws BpfError with code `ENODEV` when this network namespace has no such device
 */
export function deviceIndex(device: Device): number {
  if (typeof device === 'number') {
    if (Number.isInteger(device) && device > 0 && device < 2 ** 31) return device
    throw new RangeError(`Cannot find network device ${device}: it is no index`)
  }
  const name = Buffer.from(device)
  if (name.length === 0 || name.length >= NAME_SIZE || name.includes(0)) throw noDevice(device)
  const made = syscallEntry().syscall(nr.socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (made < 0) throw failure(`Cannot find network device ${device}`, made, 'socket')
  using socket = OwnedFd.adopt(made, 'socket')
  const request = allocate(IFREQ_SIZE)
  request.bytes.set(name)
  const result = ioctl(socket.fd, SIOCGIFINDEX, request.address)
  if (result < 0) throw noDevice(device)
  return request.view.getInt32(NAME_SIZE, true)
}

function noDevice(name: string): BpfError {
  return new BpfError(`There is no network device ${JSON.stringify(name)}`, { code: 'ENODEV' })
}

/** How an XDP program is run: by the driver, by the generic stack, by the device. Default: the kernel decides. */
export type XdpMode = 'generic' | 'driver' | 'offload'

const XDP_FLAGS: Record<XdpMode, number> = { generic: 1 << 1, driver: 1 << 2, offload: 1 << 3 }

/** How to attach to XDP. */
export interface XdpOptions {
  mode?: XdpMode
}

/**
 * Attaches an XDP program to a device (5.9).
 *
 * @throws BpfError with `EBUSY` when the device has an XDP program already
 */
export function xdp(program: ProgramHandle, device: Device, options: XdpOptions = {}): Link {
  return createLink(`program ${program.name} to XDP of device ${device}`, {
    prog_fd: program.fd,
    target_ifindex: deviceIndex(device),
    attach_type: attachTypes.xdp,
    flags: options.mode === undefined ? 0 : XDP_FLAGS[options.mode],
  })
}

/** How to attach to tcx. */
export interface TcxOptions {
  /** Place among the programs that are attached already. Default: last. */
  anchor?: Anchor
  /** Attach only if the hook still has this revision; otherwise fail with `ESTALE`. */
  expectedRevision?: bigint
}

/**
 * Attaches a `sched_cls` program to the ingress or egress of a device, without a qdisc (6.6).
 *
 * @throws BpfError when the kernel refuses
 */
export function tcx(
  program: ProgramHandle,
  device: Device,
  direction: 'ingress' | 'egress',
  options: TcxOptions = {},
): Link {
  const { flags, relative } = anchorFields(options.anchor)
  return createLink(`program ${program.name} to tcx ${direction} of device ${device}`, {
    prog_fd: program.fd,
    target_ifindex: deviceIndex(device),
    attach_type: attachTypes[`tcx_${direction}`],
    flags,
    tcx: { relative_fd: relative, expected_revision: options.expectedRevision ?? 0n },
  })
}

/** Where to attach in netfilter. */
export interface NetfilterOptions {
  /** Protocol family. */
  family: 'ipv4' | 'ipv6'
  hook: 'pre_routing' | 'local_in' | 'forward' | 'local_out' | 'post_routing'
  /** Order among all users of the hook, iptables and nftables included; lower runs first. */
  priority: number
  /** Defragment packets first (6.6). */
  defragment?: boolean
}

const NFPROTO = { ipv4: 2, ipv6: 10 } as const
const NF_INET = { pre_routing: 0, local_in: 1, forward: 2, local_out: 3, post_routing: 4 } as const
const BPF_F_NETFILTER_IP_DEFRAG = 1

/**
 * Attaches a netfilter program in this network namespace (6.4).
 *
 * @throws BpfError with `EBUSY` when another BPF program has the same hook and priority
 */
export function netfilter(program: ProgramHandle, options: NetfilterOptions): Link {
  const { family, hook, priority, defragment } = options
  return createLink(`program ${program.name} to netfilter ${family} ${hook}`, {
    prog_fd: program.fd,
    attach_type: attachTypes.netfilter,
    netfilter: {
      pf: NFPROTO[family],
      hooknum: NF_INET[hook],
      priority,
      flags: defragment === true ? BPF_F_NETFILTER_IP_DEFRAG : 0,
    },
  })
}

/**
 * Attaches a `sk_lookup` program to a network namespace (5.9).
 *
 * @param namespace path of the namespace; default: the caller's
 */
export function skLookup(program: ProgramHandle, namespace?: string): Link {
  return netns(program, attachTypes.sk_lookup, 'socket look-up', namespace)
}

/**
 * Attaches a `flow_dissector` program to a network namespace (5.8).
 *
 * @param namespace path of the namespace; default: the caller's
 */
export function flowDissector(program: ProgramHandle, namespace?: string): Link {
  return netns(program, attachTypes.flow_dissector, 'flow dissector', namespace)
}

function netns(program: ProgramHandle, attachType: number, hook: string, path = '/proc/self/ns/net'): Link {
  const what = `program ${program.name} to ${hook} of ${path}`
  return withOpen(what, path, constants.O_RDONLY, fd =>
    createLink(what, { prog_fd: program.fd, target_fd: fd, attach_type: attachType }),
  )
}
