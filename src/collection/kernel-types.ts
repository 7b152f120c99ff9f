/**
 * An object's BTF in the kernel.
 *
 * @module
 */

import type { Instruction } from '../asm/instruction.ts'
import { BpfError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { BtfBuilder } from '../btf/builder.ts'
import { type BtfSupport, sanitizeBtf } from '../btf/sanitize.ts'
import { allocateKsyms } from '../elf/object/extern-btf.ts'
import { features } from '../kernel/probes/features.ts'
import type { Feature } from '../kernel/probes/probe.ts'
import { BtfObject } from '../objects/btf-object.ts'
import type { LoadedBtf } from '../programs/ext-info.ts'
import { debugLog } from '../syscalls/debug.ts'

const debug = debugLog('ebpf-ts:btf')

/** An object's BTF that is loaded, until it is closed. */
export interface LoadedTypes extends LoadedBtf, Disposable {
  close(): void
}

/**
 * Loads the BTF of an object. When the kernel refuses it, loads it with what this kernel does not know replaced.
 *
 * @param code the instructions whose source lines must be in its strings
 * @returns `undefined` when the kernel refuses that too: programs and maps that need types will say so, others do without
 */
export function loadTypes(btf: Btf, code: readonly (readonly Instruction[])[]): LoadedTypes | undefined {
  const complete = allocateKsyms(btf)
  return (
    loadBuilt(BtfBuilder.from(complete), code) ??
    // Asking for each kind of type takes as many system calls as there are kinds, and new kernels know them all.
    (known(features.btf) ? loadBuilt(sanitizeBtf(complete, support()), code) : undefined)
  )
}

function loadBuilt(builder: BtfBuilder, code: readonly (readonly Instruction[])[]): LoadedTypes | undefined {
  for (const instructions of code) {
    for (const { source } of instructions) {
      if (source === undefined) continue
      builder.addString(source.file)
      builder.addString(source.text)
    }
  }
  try {
    const object = BtfObject.load(builder.build())
    return {
      get fd() {
        return object.fd
      },
      stringOffset: text => builder.stringOffset(text),
      close: () => object.close(),
      [Symbol.dispose]: () => object.close(),
    }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    debug?.('the kernel refuses the BTF: %s', error.message)
    return undefined
  }
}

function support(): BtfSupport {
  return {
    datasec: known(features.btfDatasec),
    questionMark: known(features.btfQuestionMark),
    func: known(features.btfFunc),
    globalFunc: known(features.btfGlobalFunc),
    float: known(features.btfFloat),
    declTag: known(features.btfDeclTag),
    typeTag: known(features.btfTypeTag),
    enum64: known(features.btfEnum64),
  }
}

function known(feature: Feature): boolean {
  return feature.probe() !== 'no'
}
