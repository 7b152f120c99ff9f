/**
 * `struct_ops` maps on the running kernel: which of its structs each one implements, where the members lie there, and
 * which member each program stands for.
 *
 * Source: libbpf `find_struct_ops_kern_types`, `bpf_map__init_kern_struct_ops`,
 * `bpf_object_adjust_struct_ops_autoload`, `bpf_map_prepare_vdata`.
 *
 * @module
 */

import { hostByteOrder } from '../base/bytes.ts'
import { BpfError, NotSupportedError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { essentialName } from '../btf/flavor.ts'
import type { BtfMember, BtfStruct } from '../btf/types.ts'
import { kernelBtf } from '../kernel/btf.ts'
import type { MapSpec } from '../maps/spec.ts'
import { BtfObject } from '../objects/btf-object.ts'
import type { StructOpsMember } from '../programs/load-options.ts'
import type { CollectionSpec } from './spec.ts'

/** What the kernel calls the struct around the operations that is the value of a map. */
const VALUE_PREFIX = 'bpf_struct_ops_'

/** A struct of the kernel, and the value that wraps it. */
interface KernelStruct {
  readonly btf: Btf
  /** The module that has it; `undefined` for the kernel itself. */
  readonly module: BtfObject | undefined
  readonly typeId: number
  readonly type: BtfStruct
  readonly valueTypeId: number
  readonly valueSize: number
  /** Bytes from the start of the value to the struct. */
  readonly offset: number
}

/** A map as this kernel has it. */
export interface StructOpsImage {
  /** Type of its value in the BTF of the kernel or of the module. */
  readonly valueTypeId: number
  /** Descriptor of the module's BTF; `undefined` for the kernel itself. */
  readonly moduleFd: number | undefined
  /** The value, in which descriptors of programs are missing. */
  readonly value: Uint8Array<ArrayBuffer>
  /** Where descriptors belong: bytes from the start of the value, by name of the program. */
  readonly slots: readonly { readonly program: string; readonly offset: number }[]
}

/** The `struct_ops` maps of an object that are to be created, and their programs. */
export class StructOpsMaps implements Disposable {
  /** By name of the map. */
  readonly images: ReadonlyMap<string, StructOpsImage>
  /** What each program stands for, by its name. */
  readonly members: ReadonlyMap<string, StructOpsMember>
  /** Programs of the type whose autoload the maps decide, and what they decide. */
  readonly autoload: ReadonlyMap<string, boolean>
  readonly #modules: BtfObject[] = []

  /**
   * Fits the maps to the kernel.
   *
   * @throws NotSupportedError when the kernel has no such struct, or lacks a member that a map sets
   * @throws BpfError `ERR_INVALID_SPEC` when a map names a program that is not for it
   */
  constructor(spec: CollectionSpec) {
    const images = new Map<string, StructOpsImage>()
    const members = new Map<string, StructOpsMember>()
    const autoload = new Map<string, boolean>()
    this.images = images
    this.members = members
    this.autoload = autoload
    try {
      for (const [name, map] of spec.maps) {
        if (map.type !== 'struct_ops' || map.programs === undefined) continue
        for (const program of map.programs.values()) if (!autoload.get(program)) autoload.set(program, false)
        if (map.autocreate === false) continue
        const fitter = new MapFitter(spec, map, name => this.#find(name))
        images.set(name, fitter.fit(members))
        for (const program of fitter.used) autoload.set(program, true)
      }
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  #find(name: string): KernelStruct | undefined {
    const inKernel = structOf(kernelBtf(), name, undefined)
    if (inKernel !== undefined) return inKernel
    for (const module of this.#openModules()) {
      const found = structOf(module.types(), name, module)
      if (found !== undefined) return found
    }
    return undefined
  }

  #openModules(): readonly BtfObject[] {
    if (this.#modules.length === 0) for (const module of BtfObject.modules()) this.#modules.push(module)
    return this.#modules
  }

  /** Closes the modules' BTF; maps and programs that are loaded hold what they use. */
  [Symbol.dispose](): void {
    for (const module of this.#modules.splice(0)) module.close()
  }
}

/** The struct with a name and its value type, when a BTF has both. */
function structOf(btf: Btf, name: string, module: BtfObject | undefined): KernelStruct | undefined {
  // A module must not answer for the kernel.
  const typeId = btf.findAll(name, 'struct').find(id => id >= btf.firstId)
  const valueTypeId = btf.find(VALUE_PREFIX + name, 'struct')
  if (typeId === undefined || valueTypeId === undefined) return undefined
  const type = btf.type(typeId)
  const value = btf.type(valueTypeId)
  if (type.kind !== 'struct' || value.kind !== 'struct') return undefined
  const data = value.members.find(member => member.type === typeId)
  if (data === undefined) return undefined
  return { btf, module, typeId, type, valueTypeId, valueSize: value.size, offset: data.bitOffset / 8 }
}

/** Fits one map. */
class MapFitter {
  /** Names of the programs that the kernel has members for. */
  readonly used = new Set<string>()
  readonly #spec: CollectionSpec
  readonly #map: MapSpec
  readonly #btf: Btf
  readonly #type: BtfStruct
  readonly #kernel: KernelStruct

  constructor(spec: CollectionSpec, map: MapSpec, find: (name: string) => KernelStruct | undefined) {
    this.#spec = spec
    this.#map = map
    const type = map.btf?.type(map.valueTypeId ?? 0)
    if (map.btf === undefined || type?.kind !== 'struct') throw this.#invalid('it has no BTF of its struct')
    this.#btf = map.btf
    this.#type = type
    // Objects may have several versions of a struct.
    const name = essentialName(type.name)
    const kernel = find(name)
    if (kernel === undefined) {
      throw new NotSupportedError(`Map ${map.name}, which implements struct ${name},`, undefined, {
        reason: `neither the kernel nor a module lets BPF programs implement it`,
      })
    }
    this.#kernel = kernel
  }

  fit(members: Map<string, StructOpsMember>): StructOpsImage {
    const { valueTypeId, valueSize, offset, module, type } = this.#kernel
    const value = new Uint8Array(valueSize)
    const slots: StructOpsImage['slots'][number][] = []
    const initial = this.#initialValue()
    for (const member of this.#type.members) {
      const start = member.bitOffset / 8
      const bytes = initial.subarray(start, start + this.#btf.sizeOf(member.type))
      const program = this.#map.programs?.get(member.name)
      const index = type.members.findIndex(({ name }) => name === member.name)
      const target = type.members[index]
      if (target === undefined) {
        // Older kernels lack members that an object may do without: those that are not set.
        if (program !== undefined) {
          throw this.#unsupported(
            member,
            `which is set to program ${program} and which the kernel does not have`,
            `delete it from programs of the map's spec to load without`,
          )
        }
        if (bytes.some(byte => byte !== 0))
          throw this.#unsupported(member, 'which the kernel does not have, and it is not zero')
        continue
      }
      const at = offset + target.bitOffset / 8
      if (this.#checkMember(member, target)) {
        if (program === undefined) continue
        this.#setMember(members, program, { typeId: this.#kernel.typeId, index, moduleFd: module?.fd })
        slots.push({ program, offset: at })
      } else {
        value.set(bytes, at)
      }
    }
    return { valueTypeId, moduleFd: module?.fd, value, slots }
  }

  #initialValue(): Uint8Array {
    const value = this.#map.contents?.[0]?.value
    if (!(value instanceof Uint8Array) || value.length !== this.#type.size)
      throw this.#invalid(`its contents are not one value of ${this.#type.size} bytes`)
    return value
  }

  /** Whether a member is a pointer; throws when the kernel's is something else. */
  #checkMember(own: BtfMember, kernel: BtfMember): boolean {
    if (own.bitSize !== 0 || kernel.bitSize !== 0) throw this.#unsupported(own, 'a bit-field')
    const ownType = this.#btf.resolved(own.type)
    const kernelType = this.#kernel.btf.resolved(kernel.type)
    if (ownType.kind !== kernelType.kind)
      throw this.#unsupported(own, `of kind ${ownType.kind}, and ${kernelType.kind} on this kernel`)
    if (ownType.kind === 'ptr') return true
    const [size, wanted] = [this.#btf.sizeOf(own.type), this.#kernel.btf.sizeOf(kernel.type)]
    if (size !== wanted) throw this.#unsupported(own, `of ${size} bytes, and ${wanted} on this kernel`)
    return false
  }

  /** Notes what a program stands for; several maps may use it for the same. */
  #setMember(members: Map<string, StructOpsMember>, program: string, member: StructOpsMember): void {
    if (!this.#spec.programs.has(program)) throw this.#invalid(`no such program: ${program}`)
    if (this.#spec.programs.get(program).type !== 'struct_ops')
      throw this.#invalid(`program ${program} is not of type struct_ops`)
    const known = members.get(program)
    if (known !== undefined && (known.typeId !== member.typeId || known.index !== member.index))
      throw this.#invalid(`program ${program} stands for another member already`)
    members.set(program, member)
    this.used.add(program)
  }

  #invalid(reason: string): BpfError {
    return new BpfError(`Cannot create map ${this.#map.name}: ${reason}`, { code: 'ERR_INVALID_SPEC' })
  }

  #unsupported(member: BtfMember, what: string, hint?: string): NotSupportedError {
    return new NotSupportedError(
      `Member ${member.name} of map ${this.#map.name}, ${what},`,
      undefined,
      hint === undefined ? {} : { hint },
    )
  }
}

/**
 * The value to register, with the descriptors of the programs in it.
 *
 * @param fdOf descriptor of a program; `undefined` when it is not loaded
 * @throws BpfError when a program is not loaded
 */
export function structOpsValue(
  { value, slots }: StructOpsImage,
  fdOf: (program: string) => number | undefined,
): Uint8Array<ArrayBuffer> {
  const filled = value.slice()
  const view = new DataView(filled.buffer)
  for (const { program, offset } of slots) {
    const fd = fdOf(program)
    if (fd === undefined) throw new BpfError(`Program ${program} is not loaded`, { code: 'ERR_INVALID_SPEC' })
    view.setBigUint64(offset, BigInt(fd), hostByteOrder === 'little')
  }
  return filled
}
