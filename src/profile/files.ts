/**
 * Profiles as files that other programs open.
 *
 * @module
 */

import { gzipSync } from 'node:zlib'
import { printable } from '../base/text.ts'
import { flameGraphHtml } from '../charts/flame/html.ts'
import { flameGraphSvg } from '../charts/flame/svg.ts'
import { foldedText } from '../charts/stacks/folded.ts'
import { pprofBytes } from '../charts/stacks/pprof.ts'
import { speedscopeDocument } from '../charts/stacks/speedscope.ts'
import type { Profile } from './profile-result.ts'
import { percent } from './words.ts'

/** Form of a file. */
export type ProfileFormat = 'html' | 'svg' | 'speedscope' | 'pprof' | 'folded'

/** How names of files end, for each form. */
const ENDINGS: Readonly<Record<ProfileFormat, string>> = {
  html: '.html',
  svg: '.svg',
  speedscope: '.speedscope.json',
  pprof: '.pb.gz',
  folded: '.folded',
}

/**
 * The form of a file, by the end of its name: `.html`, `.svg`, `.speedscope.json`, `.pb.gz`, `.folded`.
 *
 * @throws TypeError for another end
 */
export function profileFormat(path: string): ProfileFormat {
  const [found] = Object.entries(ENDINGS).find(([, ending]) => path.endsWith(ending)) ?? []
  if (found !== undefined) return found as ProfileFormat
  throw new TypeError(
    `Cannot write ${JSON.stringify(path)}: names of profiles end in ${Object.values(ENDINGS).join(', ')}`,
  )
}

/** What a file of a profile contains. */
export function profileFile(profile: Profile, format: ProfileFormat): string | Uint8Array {
  const { stacks, unit, mode } = profile
  const title = profileTitle(profile)
  const notes = profileNotes(profile)
  switch (format) {
    case 'html':
      return flameGraphHtml(stacks, { title, unit, notes })
    case 'svg':
      return flameGraphSvg(stacks, { title, unit, notes })
    case 'folded':
      return foldedText(stacks, { annotate: true })
    case 'speedscope':
      return JSON.stringify(speedscopeDocument(stacks, { name: title, unit }))
    case 'pprof':
      return gzipSync(
        pprofBytes(stacks, {
          unit,
          type: mode === 'cpu' ? 'cpu' : 'offcpu',
          ...(isClock(profile) ? { period: Math.round(1e9 / profile.frequency!) } : {}),
          time: BigInt(profile.start.getTime()) * 1_000_000n,
          duration: Math.round(profile.duration * 1e9),
          comments: notes,
        }),
      )
    default:
      throw new TypeError(`${JSON.stringify(format)} is not a form of profiles`)
  }
}

/** Whether each sample stands for a time. */
function isClock({ event }: Profile): boolean {
  return event !== undefined && /^(?:cpu|task)-clock(?::|$)/.test(event)
}

/** What was profiled, in a few words. */
export function profileTitle({ mode, pid, processes }: Profile): string {
  const what = mode === 'cpu' ? 'CPU' : 'Waiting'
  if (pid === undefined) return `${what}, all processes`
  const name = processes.find(each => each.pid === pid)?.name
  return name === undefined || name === ''
    ? `${what}, process ${pid}`
    : `${what}, process ${pid} (${printable(name)})`
}

/** What must be known to read a picture: how samples were taken, and which are missing. */
export function profileNotes(profile: Profile): string[] {
  const {
    mode,
    frequency,
    event,
    duration,
    cpus,
    samples,
    lost,
    unfollowed,
    idle,
    excluded,
    truncated,
    incomplete,
    unnamed,
    gone,
  } = profile
  const many = (number: number, what: string): string => `${number} ${what}`
  const taken =
    mode === 'cpu'
      ? `${many(samples, 'samples')} of ${event} in ${seconds(duration)} at ${frequency} Hz on ${cpus} CPUs`
      : `${many(samples, 'waits')} in ${seconds(duration)}`
  const of = (part: number): string => percent(part, samples)
  const facts = [
    taken,
    `${lost} lost`,
    unfollowed > 0 && `${many(unfollowed, 'waits not followed: too many threads')}`,
    idle > 0 && many(idle, 'of idle CPUs'),
    excluded > 0 && many(excluded, 'without the stack that was asked for'),
    truncated > 0 && `${of(truncated)} with stacks that are cut off`,
    incomplete > 0 && `${of(incomplete)} with stacks that end early, in code without frame pointers`,
    unnamed > 0 && `${of(unnamed)} in functions without a name`,
    gone > 0 && `${of(gone)} of processes that ended too soon`,
  ]
  return [facts.filter(each => each !== false).join('; '), ...profile.hints]
}

function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} s`
}
