/**
 * Which program types and attach types belong together, and to which hook, by the table of section names.
 *
 * @module
 */

import type { AttachType, ProgramType } from '../abi/generated/enums.ts'
import { type Hook, sectionDefinitions } from './sections.ts'

/** Programs of a type, with the attach types that they are loaded with. */
export interface ProgramKind {
  readonly type: ProgramType
  /** `undefined` stands for programs that are loaded without one. */
  readonly attachTypes: readonly (AttachType | undefined)[]
}

/** What `kindsOfHook` has found: each attachment asks for it. */
const kindsByHook = new Map<Hook, readonly ProgramKind[]>()

/** The programs that a hook takes. */
export function kindsOfHook(hook: Hook): readonly ProgramKind[] {
  const known = kindsByHook.get(hook)
  if (known !== undefined) return known
  const kinds = new Map<ProgramType, Set<AttachType | undefined>>()
  for (const { hook: each, type, attachType } of sectionDefinitions) {
    if (each !== hook) continue
    const attachTypes = kinds.get(type) ?? new Set()
    kinds.set(type, attachTypes.add(attachType))
  }
  const found = Array.from(kinds, ([type, attachTypes]) => ({ type, attachTypes: [...attachTypes] }))
  kindsByHook.set(hook, found)
  return found
}

/** The attach types that programs of a type are loaded with; empty when none, or the table does not have the type. */
export function attachTypesOf(type: ProgramType | number): readonly AttachType[] {
  const found = new Set<AttachType>()
  for (const each of sectionDefinitions)
    if (each.type === type && each.attachType !== undefined) found.add(each.attachType)
  return [...found]
}

/** The types of programs that are loaded for an attach type; empty when the table does not have it. */
export function typesOfAttachType(attachType: AttachType | number): readonly ProgramType[] {
  return [
    ...new Set(sectionDefinitions.filter(each => each.attachType === attachType).map(({ type }) => type)),
  ]
}
