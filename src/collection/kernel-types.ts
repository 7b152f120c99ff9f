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
import type { TokenOptions } from '../kernel/tokens/handle.ts'
import { BtfObject } from '../objects/btf-object.ts'
import type { LoadedBtf } from '../programs/ext-info.ts'
import { debugLog } from '../syscalls/debug.ts'

const debug = debugLog('ebpf-ts:btf')

/** An object's BTF that is loaded, until it is closed. */
export interface LoadedTypes extends LoadedBtf, Disposable {
  close(): void
}

/**
 * Loads the BTF of an object. When the kernel refuses it, loads it with what this kernel does not know replaced, and with
 * names that it takes.
 *
 * @param code the instructions whose source lines must be in its strings
 * @param token as `TokenOptions.token`
 * @returns the error when the kernel refuses that too: only programs and maps that need types fail without
 */
export function loadTypes(
  btf: Btf,
  code: readonly (readonly Instruction[])[],
  token: TokenOptions['token'],
): LoadedTypes | BpfError {
  // What cannot be read is refused here instead of by the kernel; nor does that stop what works without.
  const complete = orRefusal(() => allocateKsyms(btf))
  if (complete instanceof BpfError) return complete
  const loaded = orRefusal(() => loadBuilt(BtfBuilder.from(complete), code, token))
  // Asking for each kind of type takes as many system calls as there are kinds, and new kernels know them all.
  if (!(loaded instanceof BpfError) || !known(features.btf, token)) return loaded
  debug?.('mending the BTF, which the kernel refuses: %s', loaded.message)
  return orRefusal(() => loadBuilt(sanitizeBtf(complete, support(token)), code, token))
}

/** What a function returns, or the error that it throws. */
function orRefusal<T>(load: () => T): T | BpfError {
  try {
    return load()
  } catch (error) {
    if (error instanceof BpfError) return error
    throw error
  }
}

function loadBuilt(
  builder: BtfBuilder,
  code: readonly (readonly Instruction[])[],
  token: TokenOptions['token'],
): LoadedTypes {
  for (const instructions of code) {
    for (const { source } of instructions) {
      if (source === undefined) continue
      builder.addString(source.file)
      builder.addString(source.text)
    }
  }
  const object = BtfObject.load(builder.build(), { token })
  return {
    get fd() {
      return object.fd
    },
    stringOffset: text => builder.stringOffset(text),
    close: () => object.close(),
    [Symbol.dispose]: () => object.close(),
  }
}

function support(token: TokenOptions['token']): BtfSupport {
  return {
    datasec: known(features.btfDatasec, token),
    questionMark: known(features.btfQuestionMark, token),
    func: known(features.btfFunc, token),
    globalFunc: known(features.btfGlobalFunc, token),
    float: known(features.btfFloat, token),
    declTag: known(features.btfDeclTag, token),
    typeTag: known(features.btfTypeTag, token),
    enum64: known(features.btfEnum64, token),
  }
}

function known(feature: Feature, token: TokenOptions['token']): boolean {
  return feature.probe(token) !== 'no'
}
