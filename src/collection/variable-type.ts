/**
 * The type of a global variable: its size, and its codec once that is asked for.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'
import { BpfError, ObjectFileError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { BtfBuilder } from '../btf/builder.ts'
import { btfCodec } from '../btf/codec/codec.ts'
import type { DataVariable } from '../elf/object/data.ts'
import type { MapSpec } from '../maps/spec.ts'
import { enlargedArray } from './enlarged.ts'

/** A type, and the BTF that has it. */
export type BtfTypeId = readonly [btf: Btf, typeId: number]

/**
 * What a variable is. Its codec is made at the first use: an array may have millions of elements, which no codec takes,
 * and its bytes can be used all the same.
 */
export class VariableType<T, W> {
  /** Bytes. */
  readonly size: number
  readonly #name: string
  readonly #find: () => BtfTypeId | undefined
  #found: BtfTypeId | undefined
  #codec: Codec<T, W> | undefined
  #isMade = false

  private constructor(name: string, size: number, find: () => BtfTypeId | undefined) {
    this.#name = name
    this.size = size
    this.#find = find
  }

  /** As the object has it. */
  static of<T, W>({ name, size, typeId }: DataVariable, { btf }: MapSpec): VariableType<T, W> {
    return new VariableType(name, size, () => (typeId === 0 || btf === undefined ? undefined : [btf, typeId]))
  }

  /** In a section that was made larger: the array at its end has more elements, all else is as it was. */
  static enlarged<T, W>(variable: DataVariable, map: MapSpec): VariableType<T, W> {
    const { btf, valueSize = 0 } = map
    const array = enlargedArray(map)
    if (btf === undefined || array?.offset !== variable.offset) return VariableType.of(variable, map)
    return new VariableType(variable.name, valueSize - array.offset, () => {
      const builder = BtfBuilder.from(btf)
      const typeId = builder.add(array.type)
      return [btf.reparse(builder.build()), typeId]
    })
  }

  /** As BTF has it, in a BTF of its own where the object's is not right any more; `undefined` without a type. */
  get id(): BtfTypeId | undefined {
    this.#found ??= this.#find()
    return this.#found
  }

  /**
   * Reads and writes values, through BTF; `undefined` when the variable has no type.
   *
   * @throws BpfError `ERR_INVALID_SPEC` when the type is larger than the variable
   * @throws ObjectFileError when values of the type cannot be decoded: it has more than 1,048,576 elements, for one
   */
  get codec(): Codec<T, W> | undefined {
    if (!this.#isMade) {
      this.#codec = this.#make()
      this.#isMade = true
    }
    return this.#codec
  }

  #make(): Codec<T, W> | undefined {
    const type = this.id
    if (type === undefined) return undefined
    const [btf, typeId] = type
    try {
      const size = btf.sizeOf(typeId)
      // The shape says that the BTF has these types.
      if (size <= this.size) return btfCodec(btf, typeId) as Codec<unknown> as Codec<T, W>
      throw new BpfError(
        `Cannot reach variable ${this.#name}: it has ${this.size} bytes, and its type ${size}`,
        { code: 'ERR_INVALID_SPEC' },
      )
    } catch (error) {
      if (!(error instanceof ObjectFileError)) throw error
      const { file, section, offset } = error
      throw new ObjectFileError(
        `Variable ${this.#name} has bytes, but no decoded value: ${error.reason}`,
        { ...(file && { file }), ...(section && { section }), ...(offset !== undefined && { offset }) },
        { cause: error },
      )
    }
  }
}
