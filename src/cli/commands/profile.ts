/**
 * `ebpf-ts profile`: which functions take the time of the CPUs, or wait.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import {
  formatProfile,
  type Profile,
  type ProfileOptions,
  type ProfileProgress,
  profile,
  profileDocument,
  profileFile,
  profileFormat,
} from '../../profile/index.ts'
import { loadDemangler } from '../../symbols/index.ts'
import { type Command, defineCommand, type Invocation } from '../form/command.ts'
import { count, flag, seconds, text } from '../form/option.ts'
import { asUsageError } from '../form/usage-error.ts'

const options = {
  pid: { ...count('PID', 'only this process (default: all)'), short: 'p' },
  frequency: { ...count('HZ', 'samples a second on each CPU (default: 99)'), short: 'F' },
  event: text(
    'EVENT',
    "what samples are taken by, as perf has it, such as 'cycles' or 'page-faults' (default: cpu-clock)",
  ),
  user: flag('only the stacks of processes'),
  kernel: flag('only the stacks of the kernel'),
  'off-cpu': flag('what waits, and how long, instead of what runs'),
  duration: seconds('S', 'stop after S seconds (default: at Ctrl-C)'),
  output: {
    ...text('FILE', 'also write FILE.html, .svg, .speedscope.json, .pb.gz or .folded'),
    short: 'o',
  },
}

/** `ebpf-ts profile`. */
export const command: Command = defineCommand({
  positionals: [],
  options,
  json: { form: 'document', help: 'print one JSON document, which docs/profiling.md describes' },
  exclusive: [
    ['user', 'kernel'],
    ['off-cpu', 'frequency'],
    ['off-cpu', 'event'],
  ],
  description: [
    `Samples the stacks of a process, or of all, 99 times a second on each CPU, and prints the functions that take most, and the
    hottest path. --output draws a flame graph, or writes a file for speedscope, pprof or other viewers.`,
    `JavaScript functions have names where Node.js was started with NODE_OPTIONS="--perf-basic-prof
    --interpreted-frames-native-stack"; what the compiler put into its caller is counted there. With --off-cpu it prints what
    waits, and how long: every wait that ends. Needs root.`,
  ],
  examples: [
    { line: '-p 4321 --duration 10', does: 'print where a process spends its time' },
    {
      line: '-p 4321 --duration 10 -o profile.html',
      does: 'draw a flame graph, to zoom and search in a browser',
    },
    { line: '--off-cpu -p 4321 --duration 10', does: 'print what a process waits for' },
    { line: '--kernel -F 999 --duration 5 --json', does: 'profile the kernel, for other programs' },
  ],
  exit: { done: 'after Ctrl-C or the duration', failed: 'on failure' },
  run: measure,
})

async function measure({
  values,
  json,
  out,
  notes,
  stop,
}: Invocation<typeof options, readonly []>): Promise<number> {
  const { pid, frequency, event, duration, output } = values
  const format = output === undefined ? undefined : asUsage(() => profileFormat(output))
  const signal = stop()
  const wanted: ProfileOptions = {
    signal,
    mode: values['off-cpu'] ? 'off-cpu' : 'cpu',
    stacks: values.user ? 'user' : values.kernel ? 'kernel' : 'all',
    ...(pid === undefined ? {} : { pid }),
    ...(frequency === undefined ? {} : { frequency }),
    ...(event === undefined ? {} : { event }),
    ...(duration === undefined ? {} : { duration }),
    demangle: await loadDemangler(),
    ...(notes.sink.stream.isTTY === true && {
      onProgress: ({ elapsed, samples, lost }: ProfileProgress) =>
        notes.status(
          duration === undefined ? 'profiling until Ctrl-C' : 'profiling',
          `${elapsed.toFixed(0)} s${duration === undefined ? '' : ` of ${duration}`}, ${samples} samples, ${lost} lost`,
        ),
    }),
  }
  let result: Profile
  try {
    result = await profile(wanted)
  } catch (error) {
    notes.clearStatus()
    throw asUsageError(error)
  }
  notes.clearStatus()
  if (json) out.document(profileDocument(result))
  else out.text(formatProfile(result))
  if (output !== undefined && format !== undefined) {
    writeFileSync(output, profileFile(result, format))
    notes.line(`wrote ${output}`)
  }
  return 0
}

/** The result, or wrong use for what is wrong with an argument. */
function asUsage<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw asUsageError(error)
  }
}
