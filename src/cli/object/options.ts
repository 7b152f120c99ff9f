/**
 * Options of the commands that read objects, the same in each of them.
 *
 * @module
 */

import { type LegacyMapLayout, legacyMapLayouts } from '../../elf/index.ts'
import { choice, type Option, texts } from '../form/option.ts'

/** What to change about an object before a command uses it. */
export interface ObjectOptions {
  readonly only: Option<readonly string[]>
  readonly without: Option<readonly string[]>
  readonly 'map-size': Option<readonly string[]>
  readonly record: Option<readonly string[]>
  readonly set: Option<readonly string[]>
  readonly 'legacy-map-layout': Option<LegacyMapLayout | undefined>
}

/** The options, for the declarations of commands. */
export const objectOptions: ObjectOptions = {
  only: texts(
    'PROGRAM',
    'leave out every program but this one, and load it also when its section begins with "?"',
  ),
  without: texts('NAME', 'leave out a program; or do not create a map'),
  'map-size': texts(
    'MAP=N[:BYTES]',
    'give a map N entries, and values of BYTES where the object leaves that open, as of stack traces; a ring buffer N bytes, rounded up to what the kernel takes; a data section N bytes',
  ),
  record: texts(
    'MAP=TYPE',
    'say of what type the records of a ring buffer or perf buffer are: "struct event", or a typedef',
  ),
  set: texts(
    'NAME=VALUE',
    'give a global variable a value before the object is loaded: a number, true or false, text, or JSON for arrays and structs',
  ),
  'legacy-map-layout': choice(
    'LAYOUT',
    legacyMapLayouts,
    `how to read maps from before BTF (section maps) where their size does not show it: ${legacyMapLayouts.join(', ')}`,
  ),
}

/** Their values. */
export type ObjectValues = {
  readonly [Name in keyof ObjectOptions]: ObjectOptions[Name] extends Option<infer T> ? T : never
}
