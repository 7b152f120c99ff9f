/**
 * The jump tables of a program that is being loaded: maps of instructions, which the kernel keeps for the program.
 * Since Linux 6.19.
 *
 * Source: libbpf `create_jt_map`; kernel/bpf/bpf_insn_array.c.
 *
 * @module
 */

import { insnArrayValue } from '../../abi/generated/layouts.ts'
import { mapTypeSince } from '../../abi/since.ts'
import { hostByteOrder } from '../../base/bytes.ts'
import { BpfError, NotSupportedError } from '../../base/errors.ts'
import { haveMapType } from '../../kernel/probes/have-map-type.ts'
import type { TokenHandle } from '../../kernel/tokens/handle.ts'
import { createMap } from '../../maps/create/create.ts'
import type { MapHandle } from '../../maps/handle.ts'
import type { MapContent } from '../../maps/spec.ts'

/** As libbpf names them. */
const NAME = '.jumptables'

/** Makes jump tables, until it is disposed of. Each load needs its own: the kernel takes them for one program. */
export class LoadedJumpTables implements Disposable {
  readonly #token: TokenHandle | undefined
  /** By their content; `undefined` as long as the program has none, as most. */
  #tables: Map<string, MapHandle> | undefined

  constructor(token: TokenHandle | undefined) {
    this.#token = token
  }

  /**
   * The map that leads to these slots.
   *
   * @throws NotSupportedError when the kernel has no such maps
   * @throws BpfError when it refuses the map
   */
  create(slots: readonly number[]): { readonly fd: number } {
    const key = slots.join()
    this.#tables ??= new Map()
    let table = this.#tables.get(key)
    if (table === undefined) {
      table = createTable(slots, this.#token)
      this.#tables.set(key, table)
    }
    return table.fd
  }

  [Symbol.dispose](): void {
    if (this.#tables === undefined) return
    for (const table of this.#tables.values()) table.close()
    this.#tables = undefined
  }
}

function createTable(slots: readonly number[], token: TokenHandle | undefined): MapHandle {
  const [keySize, valueSize, maxEntries] = [4, insnArrayValue.$size, slots.length]
  const contents = slots.map((slot, index): MapContent => {
    const [key, value] = [new Uint8Array(keySize), new Uint8Array(valueSize)]
    set32(key, 0, index)
    set32(value, insnArrayValue.orig_off, slot)
    return { key, value }
  })
  try {
    // The verifier takes frozen ones only.
    return createMap(
      { name: NAME, type: 'insn_array', keySize, valueSize, maxEntries, contents, freeze: true },
      { token: token ?? false },
    )
  } catch (error) {
    if (!(error instanceof BpfError) || haveMapType('insn_array', { token: token ?? false }) !== 'no')
      throw error
    throw new NotSupportedError('A jump table (gotox)', mapTypeSince.insn_array, {
      errno: error.errno,
      syscall: error.syscall,
      cause: error,
      hint: 'or compile the object with -fno-jump-tables',
    })
  }
}

function set32(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer).setUint32(at, value, hostByteOrder === 'little')
}
