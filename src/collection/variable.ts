/**
 * A global variable of a loaded collection, read and written in place through shared memory.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import type { Codec } from '../base/codec.ts'
import { type Cell, type Scalar, scalarOf, u8, u16, u32, u64 } from '../base/codecs.ts'
import { BpfError, NotSupportedError } from '../base/errors.ts'
import type { BtfInput } from '../btf/codec/value.ts'
import type { BpfMap } from '../maps/map.ts'
import { checkedVariable, encodeVariable, type VariableSpec } from './variable-spec.ts'

/**
 * A live global variable. Access is a plain memory access: no system call, no lock (5.5). Those in an arena (6.9) are
 * copied instead, which takes some system calls.
 *
 * @typeParam T what it reads as; `unknown` without a shape
 * @typeParam W what can be written; `never` for a constant
 */
export class Variable<T = unknown, W = BtfInput<T>> {
  /** Name in the C source. */
  readonly name: string
  /** Section it lies in, such as `'.bss'`; or the arena. */
  readonly sectionName: string
  /** Bytes. */
  readonly size: number
  /** Whether it is in `.rodata` or `.kconfig`: programs and the verifier count on its value. */
  readonly constant: boolean
  readonly #offset: number
  readonly #map: BpfMap<unknown, unknown>
  readonly #inArena: boolean
  readonly #codec: Codec<T, never> | undefined
  /** For a number in mapped memory. */
  readonly #scalar: Scalar | undefined
  #cell: Cell | undefined
  #view: DataView | undefined
  /** Where a value of several parts is encoded first. */
  #encoded: DataView<ArrayBuffer> | undefined

  /** @internal */
  constructor(spec: VariableSpec<T>, map: BpfMap<unknown, unknown>) {
    this.name = spec.name
    this.sectionName = spec.sectionName
    this.size = spec.size
    this.constant = spec.constant
    this.#offset = spec.offset
    this.#map = map
    this.#inArena = map.type === 'arena'
    this.#codec = spec.codec
    const { codec, offset, size } = spec
    const isElement = codec?.size === size && offset % size === 0 && !this.#inArena
    this.#scalar = isElement ? scalarOf(codec) : undefined
  }

  /** The variable's bytes in shared memory, zeros once the collection is closed; in an arena, a copy of them. */
  get bytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.#memory()
    return new Uint8Array(buffer, byteOffset, byteLength)
  }

  /**
   * Reads the value, decoded through BTF; a copy of the bytes when it has no type.
   *
   * @throws NotSupportedError when the kernel cannot map it into memory (before 5.5)
   */
  get(): T {
    if (this.#scalar !== undefined) return this.#cellOf(this.#scalar)[0] as T
    return this.#codec === undefined ? (this.bytes.slice() as T) : this.#codec.decode(this.#memory(), 0)
  }

  /**
   * Writes the value, encoded through BTF; bytes when it has no type.
   *
   * @throws BpfError `ERR_READ_ONLY` when the variable is constant
   * @throws TypeError or RangeError when the value does not fit the type
   */
  set(value: W): void {
    if (this.constant) {
      throw new BpfError(`Cannot set variable ${this.name}: it is constant once the collection is loaded`, {
        code: 'ERR_READ_ONLY',
      })
    }
    if (this.#inArena) {
      this.#map.arena().write(this.#offset, this.#bytesOf(value))
    } else if (this.#scalar !== undefined) {
      const stored = checkedVariable(this.name, this.#scalar, value)
      this.#cellOf(this.#scalar)[0] = stored
    } else if (this.#codec !== undefined) {
      // A getter of the value may set this variable too: memory is in use until it is stored.
      const encoded = this.#encoded ?? new DataView(new ArrayBuffer(this.#codec.size))
      this.#encoded = undefined
      encodeVariable(this.name, this.#codec, value, encoded)
      storeValue(encoded, this.#memory())
      this.#encoded = encoded
    } else this.bytes.set(this.#bytesOf(value))
  }

  /** A value as bytes. */
  #bytesOf(value: unknown): Uint8Array {
    if (this.#codec !== undefined) {
      const encoded = new DataView(new ArrayBuffer(this.#codec.size))
      encodeVariable(this.name, this.#codec, value, encoded)
      return new Uint8Array(encoded.buffer)
    }
    if (value instanceof Uint8Array && value.length === this.size) return value
    throw new TypeError(`Cannot set variable ${this.name}: it needs ${this.size} bytes`)
  }

  #cellOf(scalar: Scalar): Cell {
    if (this.#cell === undefined || this.#map.closed) {
      const { buffer, byteOffset } = this.#memory()
      this.#cell = scalar.cell(buffer, byteOffset)
    }
    return this.#cell
  }

  #memory(): DataView {
    if (this.#inArena) return new DataView(this.#map.arena().read(this.#offset, this.size).buffer)
    if (this.#view === undefined || this.#map.closed) {
      const memory = this.#map.memory()
      if (memory === undefined)
        throw new NotSupportedError(`Memory of variable ${this.name}`, featureSince.mmapableMaps)
      this.#view = new DataView(memory.buffer, this.#offset, this.size)
    }
    return this.#view
  }
}

/** Access to as many bytes as a register has, by their number. */
const registers: ReadonlyMap<number, Scalar['cell'] | undefined> = new Map(
  [u8, u16, u32, u64].map(codec => [codec.size, scalarOf(codec)?.cell]),
)

/** Copies a value to where programs see it. What fits a register is written at once: they see the old or the new one. */
function storeValue(value: DataView<ArrayBuffer>, memory: DataView): void {
  const { buffer, byteOffset } = memory
  const cell = byteOffset % value.byteLength === 0 ? registers.get(value.byteLength) : undefined
  if (cell === undefined) new Uint8Array(buffer, byteOffset).set(new Uint8Array(value.buffer))
  else cell(buffer, byteOffset)[0] = cell(value.buffer, 0)[0]
}
