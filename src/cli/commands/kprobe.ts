/**
 * `ebpf-ts kprobe`: runs the one program of an object at a function of the kernel.
 *
 * @module
 */

import {
  BpfError,
  Collection,
  type CollectionSpec,
  type Link,
  type Program,
  type ProgramSpec,
} from '../../index.ts'
import { kprobe as attachKprobe, kretprobe as attachKretprobe, type ProbeMode } from '../../links/index.ts'
import { pinPathOf } from '../../maps/index.ts'
import { type Command, defineCommand } from '../form/command.ts'
import { choice, flag } from '../form/option.ts'
import { asUsageError } from '../form/usage-error.ts'
import { editObjects, readObject } from '../object/edit.ts'
import { objectOptions } from '../object/options.ts'
import { untilAborted } from '../output/stop.ts'

/** Section of the program. It names no type, so the command does. */
const SECTION = 'prog'
const MODES: readonly ProbeMode[] = ['auto', 'link', 'perf', 'legacy']

/** Of one program, nothing is left out; and nothing is read. */
const { 'map-size': mapSize, set, 'legacy-map-layout': layout } = objectOptions

/** `ebpf-ts kprobe`. */
export const command: Command = defineCommand({
  positionals: ['OBJECT', 'FUNCTION'],
  options: {
    'map-size': mapSize,
    set,
    'legacy-map-layout': layout,
    return: flag('run the program when the function returns'),
    mode: choice(
      'MODE',
      MODES,
      `how to make the probe: auto (the best that the kernel has), link (a BPF link, Linux 5.15), perf (a perf event,
      Linux 4.17), legacy (a line in tracefs)`,
    ),
  },
  json: {
    form: 'lines',
    help: 'print one JSON document per line: {"state": "running", ...}, then {"state": "terminated"}',
  },
  description: [
    `Loads the program in section "${SECTION}" of a compiled BPF object as a kprobe, attaches it to a function of the
    kernel, and detaches it on Ctrl-C. Its results are in the object's maps: pinned maps outlive the command, and the
    next one uses them again. Needs root.`,
    `Maps are defined with BTF in section ".maps", or as before BTF in section "maps". The member pinning of the latter
    (struct bpf_elf_map of iproute2) says where a map is pinned: 0 nowhere, 1 at /sys/fs/bpf/NAME, 2 at
    /sys/fs/bpf/tc/globals/NAME.`,
  ],
  examples: [
    { line: 'count.bpf.o vfs_mkdir', does: 'run the program at each call, until Ctrl-C' },
    {
      line: 'count.bpf.o vfs_mkdir --return --json',
      does: 'at each return; print the ids of program and maps',
    },
  ],
  exit: { done: 'after SIGINT, SIGTERM or SIGHUP', failed: 'on failure' },
  async run({ positionals: [path, target], values, json, out, stop }) {
    const spec = readObject(path, values)
    editObjects([spec], values)
    const [name, program] = chooseProgram(spec, path)
    program.type = 'kprobe'

    const signal = stop()
    const print = (text: string, document: unknown): void => {
      if (json) out.record(document)
      else out.line(text)
    }
    {
      using collection = Collection.load(spec)
      using _link = attach(collection.programs.get(name), target, values)
      print('Running.', {
        state: 'running',
        function: target,
        return: values.return,
        program: { name, id: collection.programs.get(name).info().id },
        maps: [...collection.maps].map(([map, { id }]) => ({
          name: map,
          id,
          pin: pinPathOf(spec.maps.get(map)) ?? null,
        })),
      })
      await untilAborted(signal)
    }
    print('Terminate.', { state: 'terminated' })
    return 0
  },
})

/** Attaches the program; a function that cannot be one is wrong use. */
function attach(
  program: Program,
  target: string,
  { return: returns, mode = 'auto' }: { return: boolean; mode: ProbeMode | undefined },
): Link {
  try {
    return (returns ? attachKretprobe : attachKprobe)(program, target, { mode })
  } catch (error) {
    throw asUsageError(error)
  }
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
