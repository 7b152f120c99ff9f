/**
 * The BTF of externs as the kernel takes it: it knows no variable that is nowhere, so each is given a place.
 *
 * Source: libbpf `bpf_object__collect_externs`, `add_dummy_ksym_var`, `find_int_btf_id`; kernel/bpf/btf.c
 * `btf_datasec_resolve`, `btf_func_check`.
 *
 * @module
 */

import type { ObjectFileError } from '../../base/errors.ts'
import type { Btf } from '../../btf/btf.ts'
import { BtfBuilder } from '../../btf/builder.ts'
import type { BtfDatasec, BtfFunc, BtfVar } from '../../btf/types.ts'
import { type ExternSpec, isKconfig } from '../../programs/extern-spec.ts'
import { KCONFIG_SECTION, KSYMS_SECTION } from './externs.ts'

/** Name of the variable that stands for functions, and of parameters without a name. */
const DUMMY = 'dummy_ksym'
/** Bytes that each symbol of `.ksyms` is said to have. */
const INT_SIZE = 4

/**
 * Places the variables of `.kconfig` where their map has them.
 *
 * @param externs those of the object
 * @throws ObjectFileError when BTF declares an option that no symbol stands for
 */
export function placeKconfig(btf: Btf, externs: readonly ExternSpec[]): Btf {
  const found = sectionOf(btf, KCONFIG_SECTION)
  if (found === undefined) return btf
  const options = new Map(externs.filter(isKconfig).map(each => [each.name, each]))
  const builder = BtfBuilder.from(btf)
  const { id, section } = found
  let size = 0
  const variables = section.variables.map(each => {
    const variable = btf.type(each.type)
    const option = options.get(variable.name)
    if (variable.kind !== 'var' || option === undefined) throw noSymbol(btf, each.type)
    builder.replace(each.type, { ...variable, linkage: 'global' })
    size = Math.max(size, option.offset + option.size)
    return { ...each, offset: option.offset }
  })
  // The kernel wants them in the order of their offsets.
  variables.sort((a, b) => a.offset - b.offset)
  builder.replace(id, { ...section, size, variables })
  return rebuilt(btf, builder)
}

/**
 * Makes the symbols of `.ksyms` variables of type `int`, one behind the other, and its functions global ones, under the
 * same ids: what they are is of no interest to the kernel, which knows its own symbols. The result is for the kernel
 * alone, since the types of the variables are lost.
 */
export function allocateKsyms(btf: Btf): Btf {
  const found = sectionOf(btf, KSYMS_SECTION)
  if (found === undefined) return btf
  const builder = BtfBuilder.from(btf)
  const { id, section } = found
  const int =
    findInt(btf) ??
    builder.add({ kind: 'int', name: 'int', size: 4, encoding: 'signed', bitOffset: 0, bits: 32 })
  let dummy: number | undefined
  const variables = section.variables.map((each, index) => {
    const place = { offset: index * INT_SIZE, size: INT_SIZE }
    const symbol = btf.type(each.type)
    if (symbol.kind === 'var') {
      builder.replace(each.type, { ...symbol, linkage: 'global', type: int })
      return { type: each.type, ...place }
    }
    if (symbol.kind !== 'func') throw noSymbol(btf, each.type)
    makeGlobal(btf, builder, each.type, symbol)
    // Data sections have no functions in the kernel.
    dummy ??= builder.add(dummyVariable(int))
    return { type: dummy, ...place }
  })
  builder.replace(id, { ...section, size: variables.length * INT_SIZE, variables })
  return rebuilt(btf, builder)
}

function dummyVariable(type: number): BtfVar {
  return { kind: 'var', name: DUMMY, type, linkage: 'global' }
}

/** The kernel wants names for the parameters of functions; compilers have none for those of declarations. */
function makeGlobal(btf: Btf, builder: BtfBuilder, id: number, symbol: BtfFunc): void {
  builder.replace(id, { ...symbol, linkage: 'global' })
  const prototype = btf.type(symbol.type)
  if (prototype.kind !== 'func_proto') throw btf.error(`Extern ${symbol.name} has no signature`, id)
  const params = prototype.params.map(param =>
    param.name === '' && param.type !== 0 ? { ...param, name: DUMMY } : param,
  )
  builder.replace(symbol.type, { ...prototype, params })
}

function sectionOf(btf: Btf, name: string): { id: number; section: BtfDatasec } | undefined {
  const id = btf.find(name, 'datasec')
  const section = id === undefined ? undefined : btf.type(id)
  return id !== undefined && section?.kind === 'datasec' ? { id, section } : undefined
}

function findInt(btf: Btf): number | undefined {
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kind(id) !== 'int') continue
    const type = btf.type(id)
    if (type.kind === 'int' && type.bits === 32) return id
  }
  return undefined
}

function noSymbol(btf: Btf, id: number): ObjectFileError {
  return btf.error(`Extern ${btf.name(id)}: no symbol stands for it`, id)
}

function rebuilt(btf: Btf, builder: BtfBuilder): Btf {
  return btf.reparse(builder.build(btf.byteOrder))
}
