/**
 * From a spec to a map in the kernel.
 *
 * Source: kernel/bpf/syscall.c `map_create` and each type's `map_alloc_check`; libbpf `bpf_object__create_map`.
 *
 * @module
 */

import { type MapType, mapTypes } from '../abi/generated/enums.ts'
import {
  BPF_F_MMAPABLE,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_VTYPE_BTF_OBJ_FD,
} from '../abi/generated/flags.ts'
import { enumName, enumNumber } from '../abi/names.ts'
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { possibleCpus } from '../kernel/cpus.ts'
import { failure } from '../kernel/failure.ts'
import { raiseMemlockLimit } from '../kernel/memlock.ts'
import { features } from '../kernel/probes/features.ts'
import { resolveToken } from '../kernel/tokens/automatic.ts'
import { type TokenHandle, type TokenOptions, withToken } from '../kernel/tokens/handle.ts'
import { objectName } from '../objects/object-name.ts'
import { getPinned, type OpenPinOptions } from '../objects/pin.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { pageSize } from '../syscalls/mmap.ts'
import { mapArena } from './arena.ts'
import { incompatibilities } from './compatible.ts'
import { type DescriptorOwner, Elements } from './element.ts'
import { MapHandle } from './handle.ts'
import { readMapInfo } from './info.ts'
import { acceptsBtf, hasNoElements, isArray, isKeyless, isMapOfMaps } from './kinds.ts'
import { describeMap, mapError } from './map-error.ts'
import { pinPathOf } from './pin-path.ts'
import type { MapContent, MapSpec } from './spec.ts'
import { byteView } from './views.ts'

/** The type of a `struct_ops` map's value, which is one of the kernel's (5.6). */
export interface KernelValueType {
  /** Its id in the BTF of the kernel or of a module. */
  readonly valueTypeId: number
  /** Descriptor of the module's BTF (6.9); `undefined` for the kernel itself. */
  readonly moduleFd: number | undefined
}

/** What creating a map may need besides its spec. */
export interface CreateMapOptions extends TokenOptions {
  /** The spec's BTF as it was loaded into the kernel (5.2); without it the map has no types in the kernel. */
  btfFd?: number
  /** Template of the inner maps of a map of maps, instead of `spec.innerMap`. */
  innerMapFd?: number
  /** Of a `struct_ops` map, whose `valueSize` is that of this type; `btfFd` must be given too. */
  kernelValue?: KernelValueType
  /** Directory on a bpffs that pins are below: those by name, and of specs with a relative `pinPath`. Default: `/sys/fs/bpf`. */
  pinPath?: string
  /** How to open a pin that exists. */
  pin?: OpenPinOptions
  /** Finds what elements of `contents` name. Without it, or when it returns nothing, named elements are an error. */
  resolve?: (reference: Exclude<MapContent['value'], Uint8Array>) => DescriptorOwner | undefined
}

/**
 * Creates a map with its contents, or opens its pin when the spec asks for one and it is there. On failure nothing
 * stays behind.
 */
export function createMap(spec: MapSpec, options: CreateMapOptions): MapHandle {
  const complete = createdSpec(spec)
  const path = pinPathOf(spec, options.pinPath)
  if (path === undefined) return createFilled(complete, options)
  const existing = openCompatible(complete, path, options)
  if (existing !== undefined) return existing
  const handle = createFilled(complete, options)
  try {
    handle.pin(path, describeMap(handle.facts), { parents: true })
    return handle
  } catch (error) {
    handle.close()
    // Somebody else was faster between our look and our pin.
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
  const fd = OwnedFd.adopt(createFd(spec, options), describeMap(spec))
  const handle = new MapHandle(fd, factsOf(spec), { spec })
  try {
    if (spec.type === 'arena') mapArena(handle, initialBytes(spec), spec.mapExtra ?? 0n)
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
  const { facts } = handle
  const elements = new Elements(handle, byteView(handle))
  const element = value instanceof Uint8Array ? value : resolve?.(value)
  if (element === undefined) {
    const named = JSON.stringify(value)
    throw new BpfError(`Cannot fill ${describeMap(facts)}: its element ${named} is not resolved`, {
      code: 'ERR_UNRESOLVED',
    })
  }
  if (isKeyless(facts.type) && element instanceof Uint8Array) elements.push(element)
  else elements.set(key, element)
}

/** Takes the write access of user space away (5.2). */
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

/**
 * The spec as it is created on this machine: defaults of its type filled in.
 *
 * @throws RangeError for an unknown type, or a size that is not a 32-bit number
 */
export function createdSpec(spec: MapSpec): MapSpec {
  const type = enumName(mapTypes, enumNumber(mapTypes, spec.type, 'map type'))
  const complete: MapSpec = { ...spec, type }
  for (const field of ['keySize', 'valueSize', 'maxEntries', 'flags'] as const) {
    const value = spec[field] ?? 0
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new RangeError(`Cannot create ${describeMap(complete)}: ${field} ${value} is not a 32-bit number`)
    }
    complete[field] = value
  }
  if (spec.numaNode !== undefined) complete.flags = (complete.flags! | BPF_F_NUMA_NODE) >>> 0
  applyDefaults(complete)
  return complete
}

/** Sizes that follow from the type. */
function applyDefaults(spec: MapSpec): void {
  switch (spec.type) {
    case 'perf_event_array':
    case 'cpumap':
      spec.keySize ||= 4
      spec.valueSize ||= 4
      // One slot per CPU is all that can be used, and the most that a cpumap may have.
      if (!spec.maxEntries || spec.maxEntries > possibleCpus()) spec.maxEntries = possibleCpus()
      break
    case 'array_of_maps':
    case 'hash_of_maps':
      if (spec.type === 'array_of_maps') spec.keySize ||= 4
      spec.valueSize ||= 4
      break
    case 'prog_array':
    case 'cgroup_array':
      spec.keySize ||= 4
      spec.valueSize ||= 4
      break
    case 'ringbuf':
    case 'user_ringbuf':
      // A size that is right where pages are small must do where they are large.
      if (isPowerOfTwo(spec.maxEntries!) && spec.maxEntries! < pageSize()) spec.maxEntries = pageSize()
      break
  }
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value))
}

/** Creates the map; the caller owns the new descriptor. */
function createFd(spec: MapSpec, options: CreateMapOptions): number {
  const token = resolveToken(options.token)
  using inner = innerMap(spec, options, token)
  const fields: AttrFields<'map_create'> = {
    map_type: enumNumber(mapTypes, spec.type, 'map type'),
    key_size: spec.keySize,
    value_size: spec.valueSize,
    max_entries: spec.maxEntries,
    map_flags: spec.flags,
    map_name: objectName(spec.name),
    numa_node: spec.numaNode,
    map_ifindex: spec.ifindex,
    map_extra: spec.mapExtra,
    inner_map_fd: options.innerMapFd ?? inner?.fd,
  }
  raiseMemlockLimit()
  const result =
    options.kernelValue === undefined
      ? createTyped(spec, fields, options.btfFd, token)
      : createOfKernelType(fields, options.kernelValue, options.btfFd, token)
  if (result < 0) throw createError(spec, result, options, token)
  return result
}

function mapCreate(fields: AttrFields<'map_create'>, token: TokenHandle | undefined): number {
  return bpf('map_create', withToken('map_create', fields, token))
}

/** Creates a map whose value is of a type of the kernel. */
function createOfKernelType(
  fields: AttrFields<'map_create'>,
  { valueTypeId, moduleFd }: KernelValueType,
  btfFd: number | undefined,
  token: TokenHandle | undefined,
): number {
  const typed = { ...fields, btf_fd: btfFd, btf_vmlinux_value_type_id: valueTypeId }
  if (moduleFd === undefined) return mapCreate(typed, token)
  const map_flags = Number(fields.map_flags) | BPF_F_VTYPE_BTF_OBJ_FD
  return mapCreate({ ...typed, map_flags, value_type_btf_obj_fd: moduleFd }, token)
}

/** Creates with BTF where the spec has some, and without when the kernel refuses: only the types are lost. */
function createTyped(
  spec: MapSpec,
  fields: AttrFields<'map_create'>,
  btfFd: number | undefined,
  token: TokenHandle | undefined,
): number {
  const { keyTypeId = 0, valueTypeId = 0 } = spec
  if (btfFd === undefined || (keyTypeId === 0 && valueTypeId === 0) || !acceptsBtf(spec.type)) {
    return createMapped(spec, fields, token)
  }
  const types = { btf_fd: btfFd, btf_key_type_id: keyTypeId, btf_value_type_id: valueTypeId }
  const typed = createMapped(spec, { ...fields, ...types }, token)
  if (typed >= 0) return typed
  const untyped = createMapped(spec, fields, token)
  // When neither works, what was wrong with the complete request says more.
  return untyped >= 0 ? untyped : typed
}

/** Creates without `BPF_F_MMAPABLE` on kernels before 5.5: the values are then reached by system calls only. */
function createMapped(
  spec: MapSpec,
  fields: AttrFields<'map_create'>,
  token: TokenHandle | undefined,
): number {
  const result = mapCreate(fields, token)
  const mappable = spec.type === 'array' && (spec.flags! & BPF_F_MMAPABLE) !== 0
  if (result !== -EINVAL || !mappable || features.mmapableMaps.probe(token) !== 'no') return result
  spec.flags = (spec.flags! & ~BPF_F_MMAPABLE) >>> 0
  return mapCreate({ ...fields, map_flags: spec.flags }, token)
}

/** The template of a map of maps, held only until the map is created. */
function innerMap(
  spec: MapSpec,
  options: CreateMapOptions,
  token: TokenHandle | undefined,
): OwnedFd | undefined {
  if (!isMapOfMaps(spec.type) || options.innerMapFd !== undefined) return undefined
  if (spec.innerMap === undefined) {
    throw new TypeError(`Cannot create ${describeMap(spec)}: a map of maps needs innerMap or innerMapFd`)
  }
  const template = createdSpec(spec.innerMap)
  return OwnedFd.adopt(createFd(template, { token: token ?? false }), describeMap(template))
}

function createError(
  spec: MapSpec,
  result: number,
  options: CreateMapOptions,
  token: TokenHandle | undefined,
): BpfError {
  const action = `Cannot create ${describeMap(spec)}`
  const mapType = enumNumber(mapTypes, spec.type, 'map type')
  const cause = failure(action, result, 'bpf(BPF_MAP_CREATE)', token, { command: 'map_create', mapType })
  const reason = result === -EINVAL || result === -E2BIG ? reasonOf(spec, options) : undefined
  if (reason === undefined) return cause
  const { code } = cause
  return new BpfError(`${action}: ${reason} (${code})`, {
    code,
    errno: -result,
    syscall: 'bpf(BPF_MAP_CREATE)',
    cause,
  })
}

const storages: ReadonlySet<MapType | number> = new Set([
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
])

/** What is wrong with a spec that the kernel calls invalid or too big; `undefined` when it is none of the usual mistakes. */
function reasonOf(spec: MapSpec, options: CreateMapOptions): string | undefined {
  const { type } = spec
  const [keySize, valueSize, maxEntries, flags] = [
    spec.keySize!,
    spec.valueSize!,
    spec.maxEntries!,
    spec.flags!,
  ]
  const storage = storages.has(type)
  if (type === 'ringbuf' || type === 'user_ringbuf') {
    if (keySize !== 0 || valueSize !== 0) return 'a ring buffer has neither key size nor value size'
    if (!isPowerOfTwo(maxEntries) || maxEntries % pageSize() !== 0) {
      return `the size of a ring buffer, ${maxEntries}, must be a power of 2 and a multiple of the page size ${pageSize()}`
    }
  }
  if (!storage && maxEntries === 0) return 'maxEntries is 0'
  if (isKeyless(type) && keySize !== 0) return `a ${type} has no keys, but the key size is ${keySize}`
  if (isArray(type) && keySize !== 4) return `keys of an array have 4 bytes, not ${keySize}`
  if (isMapOfMaps(type) && valueSize !== 4) return `values of a map of maps have 4 bytes, not ${valueSize}`
  if ((type === 'lpm_trie' || storage) && (flags & BPF_F_NO_PREALLOC) === 0) {
    return `a map of type ${type} needs the flag BPF_F_NO_PREALLOC`
  }
  if (storage && maxEntries !== 0) return `a map of type ${type} has no maxEntries`
  if (storage && options.btfFd === undefined) return `a map of type ${type} needs BTF of its key and value`
  if (!hasNoElements(type) && !isKeyless(type) && keySize === 0) return 'the key size is 0'
  if (!hasNoElements(type) && valueSize === 0) return 'the value size is 0'
  return undefined
}

function isErrno(error: unknown, errno: number): boolean {
  return error instanceof BpfError && error.errno === errno
}
