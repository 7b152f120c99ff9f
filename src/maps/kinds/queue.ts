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
import { requireAttached } from '../handle.ts'
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
  const flags = updateFlags(options)
  const slots = handle.borrow()
  elements.encodeValue(value, slots.value.view, 0, 'push to')
  requireAttached(slots.buffer, handle.facts)
  const result = mapUpdateElem(handle.fd.fd, 0, slots.value.address, flags)
  handle.giveBack(slots)
  if (result < 0) throw mapError(handle.facts, 'push to', result, 'BPF_MAP_UPDATE_ELEM', { flags })
}

/** Takes the next element off a queue or stack; `undefined` when it is empty. */
export function pop<K, V, KI, VI>(elements: Elements<K, V, KI, VI>): V | undefined {
  return take(elements, 'pop from', mapLookupAndDeleteElem, 'BPF_MAP_LOOKUP_AND_DELETE_ELEM')
}

/** Reads the next element of a queue or stack; `undefined` when it is empty. */
export function peek<K, V, KI, VI>(elements: Elements<K, V, KI, VI>): V | undefined {
  return take(elements, 'peek into', mapLookupElem, 'BPF_MAP_LOOKUP_ELEM')
}

function take<K, V, KI, VI>(
  { handle, valueCodec }: Elements<K, V, KI, VI>,
  verb: string,
  call: typeof mapLookupElem,
  command: string,
): V | undefined {
  if (handle.mapKind.elements !== 'queue') throw wrongKind(handle.facts, verb)
  const slots = handle.borrow()
  const result = call(handle.fd.fd, 0, slots.value.address, 0)
  const value = result === 0 ? valueCodec.decode(slots.value.view, 0) : undefined
  handle.giveBack(slots)
  if (result === 0 || result === -ENOENT) return value
  throw mapError(handle.facts, verb, result, command)
}
