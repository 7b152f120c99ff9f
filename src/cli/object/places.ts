/**
 * Options that say where programs are attached whose sections do not.
 *
 * @module
 */

import type { SkippedProgram } from '../../index.ts'
import type { AttachPlaces, PlaceName } from '../../links/index.ts'
import { count, type Option, text } from '../form/option.ts'

/** Where to attach what the sections leave open. */
export interface PlaceOptions {
  readonly device: Option<string | undefined>
  readonly cgroup: Option<string | undefined>
  readonly event: Option<string | undefined>
  readonly frequency: Option<number | undefined>
}

/** The options, for the declarations of commands. */
export const placeOptions: PlaceOptions = {
  device: text('DEVICE', 'attach XDP and tcx programs to this network device'),
  cgroup: text('DIRECTORY', 'attach programs of control groups to this one, of version 2'),
  event: text(
    'EVENT',
    "run perf_event programs by this event, as perf has it, such as 'cycles' (default with --frequency: cpu-clock)",
  ),
  frequency: count('HZ', 'how many times a second, on each CPU (default: 99)'),
}

/** Their values. */
export type PlaceValues = {
  readonly [Name in keyof PlaceOptions]: PlaceOptions[Name] extends Option<infer T> ? T : never
}

/** What each place is, and which option gives it. */
const remedies: Readonly<Record<PlaceName, string>> = {
  device: 'it needs a network device: give --device',
  cgroup: 'it needs a control group: give --cgroup',
  perfEvent: 'it needs an event, and how often it runs the program: give --event, --frequency or both',
}

/** The places that the options say, for `attach()`. */
export function placesOf({ device, cgroup, event, frequency }: PlaceValues): AttachPlaces {
  const perfEvent = { event: event ?? 'cpu-clock', frequency: frequency ?? 99 }
  return {
    ...(device === undefined ? {} : { device }),
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(event === undefined && frequency === undefined ? {} : { perfEvent }),
  }
}

/** Why a program was not attached, with the option of the command line that it needs. */
export function whySkipped({ needs, reason }: SkippedProgram): string {
  return needs === undefined ? reason.message : remedies[needs]
}
