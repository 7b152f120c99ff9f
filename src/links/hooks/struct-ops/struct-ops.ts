/**
 * Structs of operations that the kernel calls BPF programs through, such as a TCP congestion control: the programs of
 * a `struct_ops` map are attached all at once, by registering the value of the map.
 *
 * Source: libbpf `bpf_map__attach_struct_ops`, `bpf_link__detach_struct_ops`; kernel/bpf/bpf_struct_ops.c
 * `bpf_struct_ops_map_update_elem`, `bpf_struct_ops_link_create`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { BPF_F_LINK } from '../../../abi/generated/flags.ts'
import { attachTypeSince, programTypeSince } from '../../../abi/since.ts'
import { EBUSY, ENOENT } from '../../../base/errno.ts'
import { failure } from '../../../kernel/failure.ts'
import type { BpfMap } from '../../../maps/map.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { createLink } from '../../create-link.ts'
import { DirectAttachment } from '../../direct-attachment.ts'
import type { Link } from '../../link.ts'
import { byCall, type HookDefinition } from '../definition.ts'
import { StructOpsLink } from './struct-ops-link.ts'

/** Key of the only element. */
const KEY = new Uint8Array(4)

/**
 * Registers the operations of a `struct_ops` map, under the name that its value has where the struct has a name.
 * Since Linux 5.6.
 *
 * With `BPF_F_LINK` (Linux 6.4), as maps of `SEC(".struct_ops.link")` have it, they are registered until the link is
 * closed, and `link.update(map)` puts those of another map with a link in their place, which have the same name.
 * Without it they stay registered after the process has ended, until the link is closed or another process deletes the
 * element of the map.
 *
 * @param value as the kernel has the struct around the operations, `bpf_struct_ops_NAME`, with descriptors of programs
 *   as function pointers; `Collection.attachStructOps` makes it
 * @throws BpfError when the kernel refuses: `EEXIST` when the name is taken, `EOPNOTSUPP` for structs that are only
 *   test-run
 */
export function structOps(
  map: Pick<BpfMap<unknown, unknown>, 'fd' | 'name' | 'info' | 'clone'>,
  value: Uint8Array,
): Link {
  const what = `the operations of map ${map.name}`
  const linked = (map.info().flags & BPF_F_LINK) !== 0
  if (!linked) {
    // First what can fail: operations that are registered stay so.
    const own = map.clone()
    try {
      setValue(own, value, what, linked)
      return new StructOpsRegistration(own)
    } catch (error) {
      own.close()
      throw error
    }
  }
  setValue(map, value, what, linked)
  return new StructOpsLink(
    createLink({ what, fields: { map_fd: map.fd, attach_type: attachTypes.struct_ops } }),
  )
}

/** Sets the value, which registers it where no link does that. */
function setValue(
  map: Pick<BpfMap<unknown, unknown>, 'fd'>,
  value: Uint8Array,
  what: string,
  linked: boolean,
): void {
  const result = bpf('map_update_elem', { map_fd: map.fd, key: KEY, value })
  if (result >= 0) return
  // The value of a map with a link is set once; it may be attached again.
  if (linked && result === -EBUSY) return
  throw failure(`Cannot attach ${what}`, result, 'bpf(BPF_MAP_UPDATE_ELEM)')
}

/** Operations that are registered without a link of the kernel: by the only element of their map. */
class StructOpsRegistration extends DirectAttachment {
  readonly #name: string

  /** @param map a handle of its own */
  constructor(map: Pick<BpfMap<unknown, unknown>, 'fd' | 'name' | 'close' | 'closed'>) {
    super(map, {
      what: 'operations that were registered without a link',
      linkType: 'struct_ops',
      hint: `put the map into SEC(".struct_ops.link"), which needs Linux ${attachTypeSince.struct_ops}`,
    })
    this.#name = map.name
  }

  override detach(): void {
    const result = bpf('map_delete_elem', { map_fd: this.fd, key: KEY })
    if (result >= 0 || result === -ENOENT) return
    throw failure(`Cannot detach the operations of map ${this.#name}`, result, 'bpf(BPF_MAP_DELETE_ELEM)')
  }

  protected override release(): void {
    this.detach()
  }
}

/** The hook `struct_ops`. */
export const structOpsHook: HookDefinition = {
  attachesTo: 'an operation of a struct of the kernel',
  call: "collection.attachStructOps('map')",
  since: programTypeSince.struct_ops,
  linkType: 'struct_ops',
  linkSince: attachTypeSince.struct_ops,
  target: 'NAME',
  bySection: byCall('it is attached with the map that names it'),
}
