/**
 * A global variable of an object that is not loaded yet.
 *
 * @module
 */

import { type ByteOrder, hostByteOrder } from '../base/bytes.ts'
import type { Codec } from '../base/codec.ts'
import type { Scalar } from '../base/codecs.ts'
import { BpfError } from '../base/errors.ts'
import type { BtfInput } from '../btf/codec/value.ts'
import type { DataVariable } from '../elf/object/data.ts'
import { KCONFIG_SECTION } from '../elf/object/externs.ts'
import type { MapSpec } from '../maps/spec.ts'
import { isEnlarged, padded } from './enlarged.ts'
import { VariableType } from './variable-type.ts'

/**
 * A global variable: its place in the initial contents of its section's map, which `set` changes.
 *
 * @typeParam T what it reads as; `unknown` without a shape
 * @typeParam W what can be written
 */
export class VariableSpec<T = unknown, W = BtfInput<T>> {
  /** Name in the C source. */
  readonly name: string
  /** Section it lies in, such as `'.rodata'`; also the name of its map. */
  readonly sectionName: string
  /** Bytes from the start of the section. */
  readonly offset: number
  /** Whether it is in `.rodata` or `.kconfig`: programs and the verifier count on its value. */
  readonly constant: boolean
  /** BTF type of the value, in the object's BTF; 0 when it has none. */
  readonly typeId: number
  readonly #variable: DataVariable
  readonly #map: MapSpec
  readonly #byteOrder: ByteOrder
  /** What it is in a section of `#typedSize` bytes. */
  #type: VariableType<T, W> | undefined
  #typedSize: number | undefined

  /** @internal */
  constructor(variable: DataVariable, map: MapSpec, byteOrder: ByteOrder) {
    this.name = variable.name
    this.sectionName = variable.sectionName
    this.offset = variable.offset
    this.constant = map.freeze === true
    this.typeId = variable.typeId
    this.#variable = variable
    this.#map = map
    this.#byteOrder = byteOrder
  }

  /** @internal What it is now: a section that is made larger changes the array at its end. */
  get type(): VariableType<T, W> {
    const { valueSize } = this.#map
    if (this.#type === undefined || valueSize !== this.#typedSize) {
      this.#type = isEnlarged(this.#map)
        ? VariableType.enlarged(this.#variable, this.#map)
        : VariableType.of(this.#variable, this.#map)
      this.#typedSize = valueSize
    }
    return this.#type
  }

  /** Bytes. The array at the end of a section has as many elements as fit `valueSize` of the section's map. */
  get size(): number {
    return this.type.size
  }

  /** The same variable of a copy of its map. */
  in(map: MapSpec): VariableSpec<T, W> {
    return new VariableSpec<T, W>(this.#variable, map, this.#byteOrder)
  }

  /**
   * Reads and writes values, through BTF; `undefined` when the variable has no type.
   *
   * @throws BpfError `ERR_INVALID_SPEC` when the type is larger than the variable
   * @throws ObjectFileError when values of the type cannot be decoded, such as an array of more than 1,048,576 elements
   */
  get codec(): Codec<T, W> | undefined {
    return this.type.codec
  }

  /** The variable's bytes in the initial contents, for reading and writing. */
  get bytes(): Uint8Array {
    const content = this.#map.contents?.[0]
    let value = content?.value
    const end = this.offset + this.size
    const { valueSize = 0 } = this.#map
    if (content !== undefined && value instanceof Uint8Array && end > value.length && end <= valueSize)
      content.value = value = padded(value, valueSize)
    if (!(value instanceof Uint8Array) || end > value.length) {
      throw new BpfError(`Cannot reach variable ${this.name}: map ${this.#map.name} has other contents now`, {
        code: 'ERR_INVALID_SPEC',
      })
    }
    return value.subarray(this.offset, end)
  }

  /** The initial value, decoded through BTF; a copy of the bytes when it has no type. */
  get(): T {
    return this.codec === undefined ? (this.bytes.slice() as T) : this.codec.decode(this.#view('read'), 0)
  }

  /**
   * Sets the initial value, encoded through BTF; bytes when it has no type.
   *
   * @throws TypeError or RangeError when the value does not fit the type
   * @throws BpfError `ERR_READ_ONLY` when the value comes from the kernel's configuration: give `CollectionOptions.kconfig`
   */
  set(value: W): void {
    if (this.sectionName === KCONFIG_SECTION) {
      throw new BpfError(
        `Cannot set variable ${this.name}: its value comes from the kernel's configuration; load with the option kconfig`,
        { code: 'ERR_READ_ONLY' },
      )
    }
    const { codec } = this
    if (codec === undefined) {
      if (!(value instanceof Uint8Array && value.length === this.size)) {
        throw new TypeError(`Cannot set variable ${this.name}: it has no type, and needs ${this.size} bytes`)
      }
      this.bytes.set(value)
      return
    }
    this.#view('set')
    const encoded = new DataView(new ArrayBuffer(codec.size))
    encodeVariable(this.name, codec, value, encoded)
    this.bytes.set(new Uint8Array(encoded.buffer))
  }

  #view(action: 'read' | 'set'): DataView {
    if (this.#byteOrder !== hostByteOrder) {
      throw new BpfError(
        `Cannot ${action} variable ${this.name}: the object is ${this.#byteOrder}-endian and this machine is not; use bytes`,
        { code: 'ERR_BYTE_ORDER' },
      )
    }
    const { buffer, byteOffset, length } = this.bytes
    return new DataView(buffer, byteOffset, length)
  }
}

/**
 * Encodes a variable's value: in memory of its own, so that nothing is written where a part of it does not fit.
 *
 * @param encoded has the size of the type: what initialises a flexible array at the end is beyond it, and stays
 * @throws TypeError or RangeError when the value does not fit the type
 */
export function encodeVariable(name: string, codec: Codec<unknown>, value: unknown, encoded: DataView): void {
  try {
    codec.encode(value, encoded, 0)
  } catch (error) {
    throw unfit(name, error)
  }
}

/** What to store for a number that is to be a variable's value; throws as `encodeVariable` does. */
export function checkedVariable(name: string, scalar: Scalar, value: unknown): number | bigint {
  try {
    return scalar.checked(value)
  } catch (error) {
    throw unfit(name, error)
  }
}

/** Names the variable where a value does not fit; what else a getter of the value throws stays as it is. */
function unfit(name: string, error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error
  const Same = error instanceof RangeError ? RangeError : TypeError
  return new Same(`Cannot set variable ${name}: ${error.message}`, { cause: error })
}
