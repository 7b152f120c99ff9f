/**
 * Profiling: sampling, reading and naming at the same time, for as long as it takes.
 *
 * @module
 */

import { onlineCpus } from '../kernel/cpus.ts'
import { Symbolizer } from '../symbols/symbolizer.ts'
import { hintsOf } from './hints.ts'
import { type ProfileOptions, type ProfileSettings, profileSettings } from './options.ts'
import type { Profile } from './profile-result.ts'
import { ProfilePrograms } from './programs.ts'
import { SampleGroups } from './sample.ts'
import { StackNames } from './stack-names.ts'

/** Milliseconds between two looks at the samples: code that was compiled at run time is named as it was at the last look. */
const INTERVAL = 200

/**
 * Profiles a process, or the whole machine. Since Linux 5.8, needs root or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE.
 *
 * The addresses of stacks get their names while the profile runs: those of processes that end meanwhile, and of code that a
 * runtime moves, are known. Native code needs frame pointers for more than its first frame; Node.js has them.
 *
 * @throws TypeError, RangeError for wrong options
 * @throws BpfError with code `ESRCH` when the process does not exist; when the kernel refuses
 * @throws NotSupportedError when the kernel lacks what is needed
 *
 * @example
 * const result = await profile({ pid: 4321, duration: 10 })
 * writeFileSync('profile.html', flameGraphHtml(result.stacks, { notes: profileNotes(result) }))
 */
export async function profile(options: ProfileOptions): Promise<Profile> {
  const settings = profileSettings(options)
  const { demangle } = settings
  using symbolizer = new Symbolizer(demangle === undefined ? {} : { demangle })
  const names = new StackNames(symbolizer, settings.mode === 'off-cpu')
  if (settings.pid !== undefined) {
    // Its mappings are read before it can end; what does not exist is an error.
    symbolizer.process(settings.pid)
    names.watch(settings.pid)
  }
  using programs = new ProfilePrograms(settings)
  const start = new Date()
  const began = performance.now()
  const duration = await read(settings, programs, names, began)
  const { lost, idle, overfull } = programs.counters
  return {
    mode: settings.mode,
    event: programs.event,
    frequency: settings.mode === 'cpu' ? settings.frequency : undefined,
    pid: settings.pid,
    start,
    duration,
    cpus: onlineCpus().length,
    unit: settings.mode === 'cpu' ? 'samples' : 'nanoseconds',
    stacks: names.stacks(),
    samples: names.samples,
    lost,
    unfollowed: overfull,
    idle,
    excluded: names.excluded,
    truncated: names.truncated,
    incomplete: names.incomplete,
    unnamed: names.unnamed,
    gone: names.gone,
    processes: names.processes(),
    hints: hintsOf(names.processFrames()),
  }
}

/**
 * Reads samples until the time is over or the signal aborts, then what is left.
 *
 * @returns the seconds for which samples were taken
 */
async function read(
  { duration, signal, onProgress }: ProfileSettings,
  programs: ProfilePrograms,
  names: StackNames,
  began: number,
): Promise<number> {
  let samples = 0
  const drain = (isLast = false): void => {
    const groups = new SampleGroups()
    programs.ring.drain(({ data }) => groups.add(data))
    for (const group of groups.groups) names.add(group)
    names.mark()
    samples += groups.samples
    if (isLast) return
    onProgress?.({
      elapsed: (performance.now() - began) / 1000,
      samples,
      lost: programs.counters.lost,
    })
  }
  const ended = new AbortController()
  const end = (): void => ended.abort()
  signal?.addEventListener('abort', end, { once: true })
  if (signal?.aborted === true) end()
  let failure: { error: unknown } | undefined
  const attempt = (action: () => void): void => {
    try {
      action()
    } catch (error) {
      failure ??= { error }
      end()
    }
  }
  const timers = [setInterval(() => attempt(() => drain()), INTERVAL)]
  if (duration !== undefined) timers.push(setTimeout(end, duration * 1000))
  try {
    // The kernel wakes this up when a process is sampled for the first time, and when the ring fills up.
    for await (const { data } of programs.ring.records({ signal: ended.signal })) {
      attempt(() => {
        const first = new SampleGroups()
        first.add(data)
        for (const group of first.groups) names.add(group)
        samples++
        drain()
      })
    }
  } finally {
    for (const timer of timers) clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
  if (failure !== undefined) throw failure.error
  programs.detach()
  const taken = (performance.now() - began) / 1000
  drain(true)
  return taken
}
