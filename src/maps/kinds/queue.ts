/**
 * Elements without keys: queues and stacks give them back in order, Bloom filters never.
 *
 * Source: kernel/bpf/queue_stack_maps.c; kernel/bpf/bloom_filter.c; kernel/bpf/syscall.c `map_update_elem`.
 *
 * @module
 */

import { ENOENT } from '../../base/errno.ts'
import { mapLookupAndDeleteElem, mapLookupElem, mapUpdateElem } from '../../syscalls/elem.ts'
import { type Elements, type MapUpdateOptions, type UpdateMode, updateFlags } from '../element.ts'
import type { MapHandle } from '../handle.ts'
import { isKeyless } from '../kinds.ts'
import { mapError, wrongKind } from '../map-error.ts'

/** Adds an element to a queue, stack or Bloom filter. */
export function push<K, V, KI, VI>(
  elements: Elements<K, V, KI, VI>,
  value: VI,
  options?: UpdateMode | MapUpdateOptions,
): void {
  const { handle } = elements
  if (!isKeyless(handle.mapKind)) throw wrongKind(handle.facts, 'push to')
  const { slots } = handle
  const { fd } = handle.fd
  const flags = updateFlags(options)
  elements.encodeValue(value, slots.value.view, 0, 'push to')
  const result = mapUpdateElem(fd, 0, slots.value.address, flags)
  if (result < 0) throw mapError(handle.facts, 'push to', result, 'BPF_MAP_UPDATE_ELEM')
}

/** Takes the next element off a queue or stack; `undefined` when it is empty. */
export function pop<K, V, KI, VI>({ handle, valueCodec }: Elements<K, V, KI, VI>): V | undefined {
  const { fd, slots } = queue(handle, 'pop from')
  const result = mapLookupAndDeleteElem(fd.fd, 0, slots.value.address, 0)
  if (result === 0) return valueCodec.decode(slots.value.view, 0)
  if (result === -ENOENT) return undefined
  throw mapError(handle.facts, 'pop from', result, 'BPF_MAP_LOOKUP_AND_DELETE_ELEM')
}

/** Reads the next element of a queue or stack; `undefined` when it is empty. */
export function peek<K, V, KI, VI>({ handle, valueCodec }: Elements<K, V, KI, VI>): V | undefined {
  const { fd, slots } = queue(handle, 'peek into')
  const result = mapLookupElem(fd.fd, 0, slots.value.address, 0)
  if (result === 0) return valueCodec.decode(slots.value.view, 0)
  if (result === -ENOENT) return undefined
  throw mapError(handle.facts, 'peek into', result, 'BPF_MAP_LOOKUP_ELEM')
}

function queue(handle: MapHandle, verb: string): MapHandle {
  if (handle.mapKind.elements !== 'queue') throw wrongKind(handle.facts, verb)
  return handle
}
