/**
 * Whether a program is of the kind that a hook takes, by the table of section names: the one place for all hooks. The
 * kernel would attach it to the hook it was loaded for, or answer `EINVAL`.
 *
 * @module
 */

import { type AttachType, attachTypes, type ProgramType, programTypes } from '../../abi/generated/enums.ts'
import { enumName, enumNumber } from '../../abi/names.ts'
import { BpfError, unlessRefused } from '../../base/errors.ts'
import { readProgramInfo } from '../../programs/info.ts'
import { kindsOfHook, type ProgramKind } from '../../programs/program-kinds.ts'
import type { Hook } from '../../programs/sections.ts'
import type { ProgramHandle } from '../link.ts'

/** An attachment that is to be made. */
export interface HookUse {
  readonly program: ProgramHandle
  readonly hook: Hook
  /** The attach type that the link is made with, where the hook has several. */
  readonly attachType?: AttachType | number
}

/**
 * Does nothing unless the program is known to be of a type that the hook does not take; one that was opened by id or
 * from a pin is looked at when the kernel has refused it.
 *
 * @param what names the attachment in errors: `'program p to XDP of device eth0'`
 * @throws BpfError with code `ERR_PROGRAM_TYPE`
 */
export function requireProgramType(what: string, use: HookUse): void {
  const type = use.program.spec?.type
  const reason = type === undefined ? undefined : wrongType(use, type)
  if (reason !== undefined)
    throw new BpfError(`Cannot attach ${what}: ${reason}`, { code: 'ERR_PROGRAM_TYPE' })
}

/**
 * Does nothing unless the program is known to be loaded for another hook.
 *
 * @param what names the attachment in errors: `'program p to the entry of its function'`
 * @throws BpfError with code `ERR_ATTACH_TYPE` when it was loaded for another one
 */
export function requireAttachType(program: ProgramHandle, what: string, wanted: AttachType): void {
  const reason = wrongAttachType(program, wanted)
  if (reason !== undefined)
    throw new BpfError(`Cannot attach ${what}: ${reason}`, { code: 'ERR_ATTACH_TYPE' })
}

/** The error of a program whose attach type is not known, and which the kernel refuses. */
export function attachTypeError(what: string, wanted: AttachType): BpfError {
  const message = `Cannot attach ${what}: it must be loaded with expectedAttachType '${wanted}'`
  return new BpfError(message, { code: 'ERR_ATTACH_TYPE' })
}

/**
 * What is wrong with a program that the kernel has refused with `EINVAL`, or that its kind is not.
 *
 * The type is the kernel's answer, where the program does not know what it was loaded from.
 */
export function explainKind(use: HookUse): string | undefined {
  const { program, attachType } = use
  const type = program.spec?.type ?? unlessRefused(() => readProgramInfo(program.fd).type)
  if (type === undefined) return undefined
  const wrong = wrongType(use, type)
  if (wrong !== undefined) return wrong
  const attach = wrongAttachType(program, attachType ?? (takesNone(use, type) ? 0 : undefined))
  return attach ?? `the program is of type ${type}, which fits; the kernel gives no other reason`
}

function wrongType({ hook, attachType }: HookUse, type: ProgramType | number): string | undefined {
  const kinds = kindsOfHook(hook).filter(kind => attachType === undefined || takes(kind, attachType))
  // A number that the tables do not know may stand for anything.
  const number = enumNumber(programTypes, type, 'program type')
  const name = enumName(programTypes, number)
  if (kinds.length === 0 || typeof name === 'number' || kinds.some(kind => kind.type === name))
    return undefined
  const place = attachType === undefined ? `the hook ${hook}` : enumName(attachTypes, numberOf(attachType))
  return `the program is of type ${name}, and ${place} takes ${kinds.map(kind => kind.type).join(' or ')}`
}

function takes({ attachTypes: known }: ProgramKind, attachType: AttachType | number): boolean {
  return known.some(each => each === undefined || attachTypes[each] === numberOf(attachType))
}

/** Whether the hook takes programs of a type only when they are loaded without an attach type. */
function takesNone({ hook }: HookUse, type: ProgramType | number): boolean {
  return kindsOfHook(hook).some(
    kind => kind.type === type && kind.attachTypes.every(each => each === undefined),
  )
}

function wrongAttachType(
  { spec }: ProgramHandle,
  wanted: AttachType | number | undefined,
): string | undefined {
  if (spec === undefined || wanted === undefined) return undefined
  const loaded = numberOf(spec.expectedAttachType ?? 0)
  if (loaded === numberOf(wanted)) return undefined
  const other = loaded === 0 ? 'without one' : `with '${enumName(attachTypes, loaded)}'`
  const own =
    wanted === 0
      ? 'without expectedAttachType'
      : `with expectedAttachType '${enumName(attachTypes, numberOf(wanted))}'`
  return `it must be loaded ${own}, not ${other}`
}

function numberOf(attachType: AttachType | number): number {
  return enumNumber(attachTypes, attachType, 'attach type')
}
