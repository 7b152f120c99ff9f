/**
 * `ebpf-ts tracelog`: the lines of a trace pipe.
 *
 * @module
 */

import { type TraceLine, type TraceLoss, type TracePipe, tracePipe } from '../../readers/index.ts'
import { type Command, defineCommand } from '../form/command.ts'
import { count, text } from '../form/option.ts'
import { asUsageError } from '../form/usage-error.ts'
import { printStream } from '../output/stream.ts'

/** `ebpf-ts tracelog`. */
export const command: Command = defineCommand({
  positionals: [],
  options: {
    instance: text(
      'NAME',
      'make a trace instance of this name and read it, so that other readers lose nothing',
    ),
    count: count('N', 'stop after N lines'),
  },
  json: {
    form: 'lines',
    help: 'print one JSON document per line: {"task": ..., "pid": ..., "message": ...}',
  },
  description: [
    `Prints what BPF programs write by bpf_trace_printk, until Ctrl-C. Without --instance it reads the pipe that all tools
    share: a line that is printed here is not printed by another reader.`,
    'Needs root.',
  ],
  examples: [
    { line: '', does: 'print what is there and what comes' },
    { line: '--instance mine --json', does: 'print documents, and leave the lines to others too' },
  ],
  exit: { done: 'after Ctrl-C or N lines', failed: 'when the pipe cannot be read' },
  async run({ values, json, out, notes, stop }) {
    const { instance } = values
    const signal = stop()
    const lost = ({ cpu, count: events }: TraceLoss): void =>
      notes.line(`CPU ${cpu}: ${events ?? 'some'} events were lost`)
    using pipe = open(instance, lost)
    const print = (line: TraceLine): void => {
      if (json) out.record(documentOf(line))
      else out.line(line.line)
    }
    await printStream(out, pipe.lines({ signal }), print, { signal, limit: values.count })
    return 0
  },
})

function open(instance: string | undefined, onLost: (loss: TraceLoss) => void): TracePipe {
  try {
    return tracePipe({ ...(instance !== undefined && { instance }), onLost })
  } catch (error) {
    throw asUsageError(error)
  }
}

/** Every member, also where it is not known. */
function documentOf({ line, task, pid, cpu, flags, timestamp, event, message }: TraceLine): object {
  const known = { task, pid, cpu, flags, timestamp, event }
  const members = Object.entries(known).map(([name, value]) => [name, value ?? null])
  return { line, ...Object.fromEntries(members), message }
}
