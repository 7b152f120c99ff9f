/**
 * `ebpf-ts kprobe`: runs the one program of an object at a function of the kernel.
 *
 * @module
 */

import { BpfError, Collection, CollectionSpec, type ProgramSpec } from '../index.ts'
import { kprobe as attachKprobe, kretprobe as attachKretprobe, type ProbeMode } from '../links/index.ts'
import { pinPathOf } from '../maps/index.ts'
import { type Command, parseCommandLine, UsageError } from './command.ts'
import { stopSignal, untilAborted } from './stop.ts'

/** Section of the program. It names no type: that is ours to say. */
const SECTION = 'prog'
const MODES: readonly ProbeMode[] = ['auto', 'link', 'perf', 'legacy']

const help = `Usage: ebpf-ts kprobe OBJECT FUNCTION [--return] [--mode MODE] [--json]

Loads the program in section "${SECTION}" of a compiled BPF object as a kprobe, attaches it to
a function of the kernel, and detaches it on Ctrl-C. Its results are in the object's maps:
those that are pinned outlive the command, and are used again by the next. Needs root.

Maps are defined with BTF in section ".maps", or as before BTF in section "maps". The
member pinning of the latter (struct bpf_elf_map of iproute2) says where a map is pinned:
0 nowhere, 1 at /sys/fs/bpf/NAME, 2 at /sys/fs/bpf/tc/globals/NAME.

  --return     run the program when the function returns
  --mode MODE  how to make the probe: auto (the best that the kernel has), link (a BPF
               link, Linux 5.15), perf (a perf event, 4.17), legacy (a line in tracefs)
  --json       print one JSON document per line: {"state": "running", ...}, then
               {"state": "terminated"}

Exit code: 0 after SIGINT, SIGTERM or SIGHUP, 1 on failure, 2 on wrong use.
`

/** `ebpf-ts kprobe`. */
export const kprobe: Command = {
  help,
  async run(args) {
    const { values, positionals } = parseCommandLine(args, {
      return: { type: 'boolean' },
      mode: { type: 'string' },
      json: { type: 'boolean' },
    })
    const [path, target, ...extra] = positionals
    if (path === undefined || target === undefined || extra.length > 0) {
      throw new UsageError('give one object file and one function')
    }
    const mode = parseMode(values.mode)
    const spec = CollectionSpec.fromFile(path)
    const [name, program] = chooseProgram(spec, path)
    program.type = 'kprobe'

    const stop = stopSignal()
    const print = (text: string, json: unknown): void => {
      process.stdout.write(`${values.json === true ? JSON.stringify(json) : text}\n`)
    }
    {
      using collection = Collection.load(spec)
      const attach = values.return === true ? attachKretprobe : attachKprobe
      using _link = attach(collection.programs.get(name), target, { mode })
      print('Running.', {
        state: 'running',
        function: target,
        return: values.return === true,
        program: { name, id: collection.programs.get(name).info().id },
        maps: [...collection.maps].map(([map, { id }]) => ({
          name: map,
          id,
          pin: pinPathOf(spec.maps.get(map)) ?? null,
        })),
      })
      await untilAborted(stop)
    }
    print('Terminate.', { state: 'terminated' })
    return 0
  },
}

function parseMode(text = 'auto'): ProbeMode {
  const mode = MODES.find(each => each === text)
  if (mode === undefined) {
    throw new UsageError(`--mode needs one of ${MODES.join(', ')}, not ${JSON.stringify(text)}`)
  }
  return mode
}

/** The program of the section, with all others left out. */
function chooseProgram(spec: CollectionSpec, path: string): [name: string, program: ProgramSpec] {
  const found = [...spec.programs].filter(([, { sectionName }]) => sectionName === SECTION)
  const [chosen] = found
  if (chosen === undefined || found.length > 1) {
    const sections = [...new Set([...spec.programs.values()].map(each => each.sectionName))].join(', ')
    const reason =
      found.length === 0
        ? `has no program in section ${SECTION}; ${sections === '' ? 'it has none at all' : `its programs are in ${sections}`}`
        : `has several programs in section ${SECTION}: ${found.map(([name]) => name).join(', ')}`
    throw new BpfError(`Cannot run ${path}: it ${reason}`, { code: 'ERR_NO_SUCH_NAME' })
  }
  for (const program of spec.programs.values()) program.autoload = program === chosen[1]
  return chosen
}
