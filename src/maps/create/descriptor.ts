/**
 * `BPF_MAP_CREATE`: from a complete spec to a descriptor.
 *
 * Source: kernel/bpf/syscall.c `map_create`; libbpf `bpf_object__create_map`.
 *
 * @module
 */

import { mapTypes } from '../../abi/generated/enums.ts'
import { BPF_F_MMAPABLE } from '../../abi/generated/flags.ts'
import { enumNumber } from '../../abi/names.ts'
import { cString } from '../../base/bytes.ts'
import { EINVAL } from '../../base/errno.ts'
import { BpfError } from '../../base/errors.ts'
import { raiseMemlockLimit } from '../../kernel/memlock.ts'
import { discard } from '../../kernel/probes/experiment.ts'
import { features } from '../../kernel/probes/features.ts'
import { resolveToken } from '../../kernel/tokens/automatic.ts'
import { type TokenHandle, withToken } from '../../kernel/tokens/handle.ts'
import { objectName } from '../../objects/object-name.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import { bpf, bpfLogged } from '../../syscalls/bpf.ts'
import { allocate } from '../../syscalls/memory.ts'
import { describeMap } from '../describe.ts'
import { createTemplate } from '../kinds/map-of-maps.ts'
import { kernelValueFields } from '../kinds/struct-ops.ts'
import { mapKind } from '../kinds.ts'
import type { MapSpec } from '../spec.ts'
import { createdSpec } from './created-spec.ts'
import { createError } from './error.ts'
import type { CreateMapOptions } from './options.ts'

/** Bytes of a SHA-256. */
const HASH_SIZE = 32
/** The reason of a refusal is a line or two. */
const LOG_SIZE = 4096

/**
 * Creates a map; the caller owns the new descriptor.
 *
 * @param spec as `createdSpec` completes it; loses flags that the kernel does not know and the map can do without
 */
export function createDescriptor(spec: MapSpec, options: CreateMapOptions): number {
  const { btfFd, kernelValue } = options
  const token = resolveToken(options.token)
  const needsTemplate = mapKind(spec.type).values === 'map' && options.innerMapFd === undefined
  using template = needsTemplate
    ? createTemplate(spec, inner =>
        createDescriptor(createdSpec(inner), templateOptions(spec, inner, options, token)),
      )
    : undefined
  const fields: AttrFields<'map_create'> = {
    map_type: enumNumber(mapTypes, spec.type, 'map type'),
    key_size: spec.keySize,
    value_size: spec.valueSize,
    max_entries: spec.maxEntries,
    map_flags: spec.flags,
    map_name: objectName(spec.kernelName ?? spec.name),
    numa_node: spec.numaNode,
    map_ifindex: spec.ifindex,
    map_extra: spec.mapExtra,
    inner_map_fd: options.innerMapFd ?? template?.fd,
    ...exclusiveFields(spec, options),
  }
  raiseMemlockLimit()
  const result =
    kernelValue === undefined
      ? createTyped(spec, fields, btfFd, token)
      : mapCreate(kernelValueFields(fields, kernelValue, btfFd), token)
  if (result >= 0) return result
  const complete =
    kernelValue === undefined
      ? { ...fields, ...typesOf(spec, btfFd) }
      : kernelValueFields(fields, kernelValue, btfFd)
  const retry = (changes: AttrFields<'map_create'>): number =>
    discard(mapCreate({ ...complete, ...changes }, token))
  const log = (): string => {
    const text = allocate(LOG_SIZE)
    discard(bpfLogged('map_create', withToken('map_create', complete, token), text))
    return cString(text.bytes).trim()
  }
  throw createError({ spec, options, token, retry, log }, result)
}

/** The fields of a map for one program. */
function exclusiveFields(
  spec: MapSpec,
  { exclusiveProgramHash: hash }: CreateMapOptions,
): AttrFields<'map_create'> | undefined {
  const action = `Cannot create ${describeMap(spec)}`
  if (hash === undefined) {
    if (spec.exclusiveProgram === undefined) return undefined
    const reason = `it is for program ${spec.exclusiveProgram} alone, and exclusiveProgramHash is missing`
    throw new BpfError(`${action}: ${reason}`, { code: 'ERR_INVALID_SPEC' })
  }
  if (!(hash instanceof Uint8Array) || hash.length !== HASH_SIZE)
    throw new RangeError(`${action}: exclusiveProgramHash must be ${HASH_SIZE} bytes`)
  return { excl_prog_hash: hash, excl_prog_hash_size: HASH_SIZE }
}

/** The template has the types of its spec too: inner maps with a lock, a timer or a kptr must be like it. */
function templateOptions(
  spec: MapSpec,
  inner: MapSpec,
  { btfFd }: CreateMapOptions,
  token: TokenHandle | undefined,
): CreateMapOptions {
  const options: CreateMapOptions = { token: token ?? false }
  if (btfFd !== undefined && inner.btf !== undefined && inner.btf === spec.btf) options.btfFd = btfFd
  return options
}

function mapCreate(fields: AttrFields<'map_create'>, token: TokenHandle | undefined): number {
  return bpf('map_create', withToken('map_create', fields, token))
}

/** Creates with BTF where the spec has some, and without when the kernel refuses: only the types are lost. */
function createTyped(
  spec: MapSpec,
  fields: AttrFields<'map_create'>,
  btfFd: number | undefined,
  token: TokenHandle | undefined,
): number {
  const types = typesOf(spec, btfFd)
  if (types === undefined) return createMapped(spec, fields, token)
  const typed = createMapped(spec, { ...fields, ...types }, token)
  if (typed >= 0) return typed
  const untyped = createMapped(spec, fields, token)
  // When neither works, what was wrong with the complete request says more.
  return untyped >= 0 ? untyped : typed
}

/** The fields of the types of key and value; `undefined` without some, and for maps that take none. */
function typesOf(
  { type, keyTypeId = 0, valueTypeId = 0 }: MapSpec,
  btfFd: number | undefined,
): AttrFields<'map_create'> | undefined {
  const hasTypes = keyTypeId !== 0 || valueTypeId !== 0
  if (btfFd === undefined || !hasTypes || mapKind(type).btf === 'refused') return undefined
  return { btf_fd: btfFd, btf_key_type_id: keyTypeId, btf_value_type_id: valueTypeId }
}

/** Creates without `BPF_F_MMAPABLE` on kernels before 5.5: the values are then reached by system calls only. */
function createMapped(
  spec: MapSpec,
  fields: AttrFields<'map_create'>,
  token: TokenHandle | undefined,
): number {
  const result = mapCreate(fields, token)
  const mapped = mapKind(spec.type).mappable === true && (spec.flags! & BPF_F_MMAPABLE) !== 0
  if (result !== -EINVAL || !mapped || features.mmapableMaps.probe(token) !== 'no') return result
  spec.flags = (spec.flags! & ~BPF_F_MMAPABLE) >>> 0
  return mapCreate({ ...fields, map_flags: spec.flags }, token)
}
