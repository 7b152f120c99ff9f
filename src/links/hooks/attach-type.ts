/**
 * Whether a program was loaded for the hook that it is to be attached to. The kernel would attach it to the hook it
 * was loaded for, or answer `EINVAL`.
 *
 * @module
 */

import { type AttachType, attachTypes } from '../../abi/generated/enums.ts'
import { enumName, enumNumber } from '../../abi/names.ts'
import { BpfError } from '../../base/errors.ts'
import type { ProgramHandle } from '../link.ts'

/**
 * Does nothing unless the program is known to be loaded for another hook; one that was opened by id or from a pin is
 * not known.
 *
 * @param what names the attachment in errors: `'program p to the entry of its function'`
 * @throws BpfError with code `ERR_ATTACH_TYPE` when it was loaded for another one
 */
export function requireAttachType(program: ProgramHandle, what: string, wanted: AttachType): void {
  if (program.spec === undefined) return
  const loaded = enumNumber(attachTypes, program.spec.expectedAttachType ?? 0, 'attach type')
  if (loaded === attachTypes[wanted]) return
  const other = loaded === 0 ? 'without one' : `with '${enumName(attachTypes, loaded)}'`
  throw attachTypeError(what, wanted, `, not ${other}`)
}

/** The error of a program that was loaded for another hook. */
export function attachTypeError(what: string, wanted: AttachType, detail = ''): BpfError {
  const message = `Cannot attach ${what}: it must be loaded with expectedAttachType '${wanted}'${detail}`
  return new BpfError(message, { code: 'ERR_ATTACH_TYPE' })
}
