/**
 * Experiments of feature probes with BTF.
 *
 * @module
 */

import { btfInfo } from '../../abi/generated/layouts.ts'
import type { BtfBuilder } from '../../btf/builder.ts'
import type { BtfLinkage } from '../../btf/types.ts'
import { getInfo } from '../../syscalls/info.ts'
import { allocate } from '../../syscalls/memory.ts'
import { addInt, answerOf, discard, loadTypes, type Token } from './experiment.ts'
import type { ProbeAnswer } from './probe.ts'

/** Loads BTF to see whether the kernel takes it. */
export function tryTypes(token: Token, add: (btf: BtfBuilder) => void): ProbeAnswer {
  return answerOf(discard(loadTypes(token, add)))
}

/** Adds a function with its prototype. */
export function addFunction(btf: BtfBuilder, linkage: BtfLinkage): void {
  addInt(btf)
  const type = btf.add({ kind: 'func_proto', name: '', type: 0, params: [] })
  btf.add({ kind: 'func', name: 'a', type, linkage })
}

/** Adds a data section with one variable. */
export function addSection(btf: BtfBuilder, name: string): void {
  const type = btf.add({ kind: 'var', name: 'a', type: addInt(btf), linkage: 'static' })
  btf.add({ kind: 'datasec', name, size: 4, variables: [{ type, offset: 0, size: 4 }] })
}

/** Asks for the name of BTF, which kernels give since they have BTF of modules. */
export function tryModuleBtf(token: Token): ProbeAnswer {
  const btf = loadTypes(token, addInt)
  if (btf < 0) return 'unknown'
  const info = allocate(btfInfo.$size)
  const name = allocate(8)
  info.view.setBigUint64(btfInfo.name, BigInt(name.address), true)
  info.view.setUint32(btfInfo.name_len, name.bytes.length, true)
  const result = getInfo(btf, info)
  discard(btf)
  return answerOf(result)
}
