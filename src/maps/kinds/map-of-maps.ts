/**
 * Maps of maps. They are created with a map as template, are given descriptors of such maps, and give back their ids.
 *
 * Source: kernel/bpf/map_in_map.c `bpf_map_meta_alloc`, `bpf_map_fd_get_ptr`, `bpf_map_fd_sys_lookup_elem`.
 *
 * @module
 */

import type { Codec } from '../../base/codec.ts'
import { BpfError } from '../../base/errors.ts'
import { FD_RANGE, isFd } from '../../syscalls/descriptor.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { describeMap } from '../describe.ts'
import type { MapSpec } from '../spec.ts'
import type { DescriptorOwner } from './descriptors.ts'

/**
 * The template of a map of maps, held only until the map is created.
 *
 * @param create creates the template
 * @throws BpfError `ERR_INVALID_SPEC` when the spec has no template
 */
export function createTemplate(spec: MapSpec, create: (template: MapSpec) => number): OwnedFd {
  const { innerMap } = spec
  if (innerMap === undefined) {
    throw new BpfError(
      `Cannot create ${describeMap(spec)}: nothing says what its inner maps are. Set innerMap of its spec, or give a map that they are like (innerMaps of a collection, innerMapFd of one map)`,
      { code: 'ERR_INVALID_SPEC' },
    )
  }
  return OwnedFd.adopt(create(innerMap), describeMap(innerMap))
}

/**
 * Values of maps of maps: encodes the descriptor of a map; decodes the id that the kernel gives back to a new handle,
 * which the caller closes.
 *
 * @param open opens a map by id
 * @param isMap whether a value is a map
 */
export function innerMapCodec<T, I extends DescriptorOwner>(
  open: (id: number) => T,
  isMap: (value: unknown) => value is I,
): Codec<T, I> {
  return {
    size: 4,
    decode: (view, offset) => open(view.getUint32(offset, true)),
    encode(value, view, offset) {
      if (!isMap(value)) throw new TypeError('the value must be a BpfMap')
      const { fd } = value
      if (!isFd(fd)) throw new RangeError(`the map's descriptor is ${fd}: ${FD_RANGE}`)
      view.setUint32(offset, fd, true)
    },
  }
}
