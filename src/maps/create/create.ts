/**
 * From a spec to a map in the kernel.
 *
 * Source: kernel/bpf/syscall.c `map_create` and each type's `map_alloc_check`; libbpf `bpf_object__create_map`.
 *
 * @module
 */

import { requireSpec } from '../../base/arguments.ts'
import { EEXIST, ENOENT } from '../../base/errno.ts'
import { BpfError } from '../../base/errors.ts'
import { getPinned } from '../../objects/pin.ts'
import { bpf } from '../../syscalls/bpf.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { incompatibilities } from '../compatible.ts'
import { describeMap } from '../describe.ts'
import { Elements } from '../element.ts'
import { MapHandle } from '../handle.ts'
import { readMapInfo } from '../info.ts'
import { mapArena } from '../kinds/arena.ts'
import { push } from '../kinds/queue.ts'
import { isKeyless } from '../kinds.ts'
import { mapError } from '../map-error.ts'
import { pinPathOf } from '../pin-path.ts'
import type { MapContent, MapSpec } from '../spec.ts'
import { byteView } from '../views.ts'
import { createdSpec } from './created-spec.ts'
import { createDescriptor } from './descriptor.ts'
import type { CreateMapOptions } from './options.ts'

/**
 * Creates a map with its contents, or opens its pin when the spec asks for one and it is there. On failure nothing
 * stays behind.
 *
 * @param onPin is given what takes a new pin back, for a later step that fails
 */
export function createMap(
  spec: MapSpec,
  options: CreateMapOptions,
  onPin?: (made: Disposable) => void,
): MapHandle {
  requireSpec(spec, 'BpfMap.create', 'MapSpec', 'type')
  const complete = createdSpec(spec)
  const path = pinPathOf(spec, options.pinPath)
  if (path === undefined) return createFilled(complete, options)
  const existing = openCompatible(complete, path, options)
  if (existing !== undefined) return existing
  const handle = createFilled(complete, options)
  try {
    const made = handle.pin(path, describeMap(handle.facts), { parents: true })
    onPin?.(made)
    return handle
  } catch (error) {
    handle.close()
    // Another process was faster between our look and our pin.
    const theirs = isErrno(error, EEXIST) ? openCompatible(complete, path, options) : undefined
    if (theirs === undefined) throw error
    return theirs
  }
}

/** Opens the pin of a map; `undefined` when nothing is pinned there. */
function openCompatible(spec: MapSpec, path: string, options: CreateMapOptions): MapHandle | undefined {
  let fd: OwnedFd
  try {
    fd = getPinned(path, 'map', options.pin)
  } catch (error) {
    if (isErrno(error, ENOENT)) return undefined
    throw error
  }
  try {
    const info = readMapInfo(fd.fd)
    const differences = incompatibilities(spec, info)
    if (differences.length > 0) {
      throw new BpfError(
        `Cannot use the map pinned at ${path} as map ${spec.name}: ${differences.join(', ')}`,
        {
          code: 'ERR_MAP_INCOMPATIBLE',
        },
      )
    }
    return new MapHandle(fd, { ...info, name: spec.name }, { spec, id: info.id })
  } catch (error) {
    fd.close()
    throw error
  }
}

function createFilled(spec: MapSpec, options: CreateMapOptions): MapHandle {
  const fd = OwnedFd.adopt(createDescriptor(spec, options), describeMap(spec))
  const handle = new MapHandle(fd, factsOf(spec), { spec })
  try {
    if (handle.mapKind.capacity === 'pages') mapArena(handle, initialBytes(spec), spec.mapExtra ?? 0n)
    else for (const content of spec.contents ?? []) fill(handle, content, options)
    if (spec.freeze === true) freezeMap(handle)
    return handle
  } catch (error) {
    handle.close()
    throw error
  }
}

/** What an arena begins with. */
function initialBytes({ contents = [] }: MapSpec): Uint8Array | undefined {
  const value = contents[0]?.value
  return value instanceof Uint8Array ? value : undefined
}

function factsOf(spec: MapSpec): MapHandle['facts'] {
  const { name, type, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0 } = spec
  return { name, type, keySize, valueSize, maxEntries, flags }
}

function fill(handle: MapHandle, { key, value }: MapContent, { resolve }: CreateMapOptions): void {
  const { facts, mapKind } = handle
  const elements = new Elements(handle, byteView(handle))
  const element = value instanceof Uint8Array ? value : resolve?.(value)
  if (element === undefined) {
    const named = JSON.stringify(value)
    throw new BpfError(`Cannot fill ${describeMap(facts)}: its element ${named} is not resolved`, {
      code: 'ERR_UNRESOLVED',
    })
  }
  if (isKeyless(mapKind) && element instanceof Uint8Array) push(elements, element)
  else elements.set(key, element)
}

/** Takes the write access of user space away (Linux 5.2). */
export function freezeMap(handle: MapHandle): void {
  const { fd } = handle.fd
  const result = bpf('map_freeze', { map_fd: fd })
  if (result >= 0) return
  const error = mapError(handle.facts, 'freeze', result, 'BPF_MAP_FREEZE')
  // Kernels disagree about the errno of freezing twice.
  if (!readMapInfo(fd).frozen) throw error
  const { code } = error
  throw new BpfError(`Cannot freeze ${describeMap(handle.facts)}: it is frozen already (${code})`, {
    code,
    errno: -result,
    syscall: 'bpf(BPF_MAP_FREEZE)',
    cause: error,
  })
}

function isErrno(error: unknown, errno: number): boolean {
  return error instanceof BpfError && error.errno === errno
}
