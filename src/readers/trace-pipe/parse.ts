/**
 * Lines of a trace pipe. Pure.
 *
 * A line begins with the name of the task in 16 columns, whatever is in it, and goes on with its number, the CPU, flags
 * and the time. What a program prints follows, and may have line breaks: the lines behind one are not events.
 *
 * Source: kernel/trace/trace_output.c `trace_print_context`; kernel/trace/trace.c `print_trace_line`.
 *
 * @module
 */

/** A line of a trace pipe. All but `line` and `message` are `undefined` where it is not an event. */
export interface TraceLine {
  /** The line as it is, without its end. Tasks and programs decide what is in it: escape it for a terminal. */
  readonly line: string
  /** Name of the task, at most 15 bytes; `'<...>'` when the kernel does not remember it. */
  readonly task: string | undefined
  /** Number of the thread. */
  readonly pid: number | undefined
  readonly cpu: number | undefined
  /** Four or five characters: interrupts off, need to reschedule, in an interrupt, preemption count, migration off. */
  readonly flags: string | undefined
  /** Seconds of the trace clock, by default since boot. */
  readonly timestamp: number | undefined
  /** Name of the event: `'bpf_trace_printk'`. */
  readonly event: string | undefined
  /** What was printed; the whole line where it is not an event. */
  readonly message: string
}

/** What the kernel says of events that it had no room for. */
export interface TraceLoss {
  readonly cpu: number
  /** How many; `undefined` when it does not know. */
  readonly count: number | undefined
}

const EVENT = /^(.{16})-(\d+) +(?:\( *(?:-+|\d+)\) +)?\[(\d+)\] (?:([^\s:]{4,5}) )? *(\d+(?:\.\d+)?): (.*)$/s
const NAMED = /^([^\s:]+): (.*)$/s
const LOSS = /^CPU:(\d+) \[LOST (?:(\d+) )?EVENTS\]$/

/**
 * Reads a line.
 *
 * @param bytes of the line, without its end; not UTF-8 where a task or a program does not care
 */
export function parseTraceLine(bytes: Uint8Array): TraceLine {
  const { buffer, byteOffset, byteLength } = bytes
  // Columns are bytes: a character for each.
  const columns = Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
  const line = textOf(columns)
  const parts = EVENT.exec(columns)
  if (parts === null) {
    const nothing = { task: undefined, pid: undefined, cpu: undefined, flags: undefined }
    return { line, ...nothing, timestamp: undefined, event: undefined, message: line }
  }
  const [, task = '', pid, cpu, flags, timestamp, rest = ''] = parts
  const named = NAMED.exec(rest)
  return {
    line,
    task: textOf(task.trimStart()),
    pid: Number(pid),
    cpu: Number(cpu),
    flags,
    timestamp: Number(timestamp),
    event: named === null ? undefined : textOf(named[1]!),
    message: textOf(named === null ? rest : named[2]!),
  }
}

function textOf(columns: string): string {
  return Buffer.from(columns, 'latin1').toString()
}

/** What a line says of lost events; `undefined` when it is another line. */
export function parseTraceLoss(bytes: Uint8Array): TraceLoss | undefined {
  // The first letter decides for nearly all lines: names of tasks have spaces before them.
  if (bytes[0] !== 0x43) return undefined
  const parts = LOSS.exec(Buffer.from(bytes).toString('latin1'))
  if (parts === null) return undefined
  return { cpu: Number(parts[1]), count: parts[2] === undefined ? undefined : Number(parts[2]) }
}
