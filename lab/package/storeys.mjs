/**
 * The storeys of the package, as ARCHITECTURE.md draws them: the rooms up to `collection` are one file, which
 * `import 'ebpf-ts'` loads; each room above is a file of its own, loaded only when it is imported.
 *
 * @module
 */

/** The rooms above the lower storeys, in the order of the drawing. */
export const UPPER_ROOMS = ['cli', 'inspect', 'bench', 'profile', 'charts']

/** Name of the chunk of the lower storeys: what `import 'ebpf-ts'` reaches of them. */
export const LIBRARY = 'library'

/**
 * Files of what is loaded when it is first called, each with its modules, without their extension, or with folders: all
 * modules in them that export no class and are named nowhere else here. No function of them is called for each element or
 * record, or to load an ordinary object. See `later.mjs`.
 */
export const LATER = {
  /** What finds out why something was refused, and what is done once and rarely. */
  'later.cjs': [
    'btf/core/type-difference',
    'collection/kconfig',
    'elf/explain-missing',
    'kernel/failure',
    'kernel/needed-capabilities',
    'kernel/permission',
    'kernel/tokens/create',
    'kernel/types/btf-file',
    'links/hooks/network/xdp-refusal',
    'links/read-info',
    'links/task-fd-query',
    'maps/create/error',
    'maps/map-error',
    'maps/one-cpu',
    'objects/pin',
    'programs/load-error',
    'programs/passes/program-hash',
    'programs/refusal/explain-verdict',
    'programs/refusal/silent-refusal',
    'programs/streams',
    'programs/test-run',
    'readers/overwriting-ring',
    'symbols/explain-function',
    'syscalls/backends/koffi',
  ],
  /** The hooks. */
  'attach.cjs': [
    'kernel/perf/event-attributes',
    'kernel/perf/event-name',
    'kernel/perf/pmu-event',
    'links/by-section',
    'links/have-hook',
    'links/hooks/',
    'symbols/syscall-wrapper',
    'symbols/traceable',
  ],
  /** The reader of perf buffers, which `ebpf-ts/readers` loads with its class. */
  'perf.cjs': [
    'readers/perf/loss-warning',
    'readers/perf/open-perf-buffer',
    'readers/perf/perf-backward-ring',
    'readers/perf/perf-buffer',
    'readers/perf/perf-cpus',
    'readers/perf/perf-counters',
    'readers/perf/perf-entries',
    'readers/perf/perf-record',
    'readers/perf/perf-ring',
  ],
}

/** Name of the chunk of the rest of the lower storeys, such as C text of types, which other doors load. */
export const MORE = 'more'

/**
 * Chunk of a module: `'library'` or an upper room. Each command of the command line has a file of its own (`undefined`),
 * and so have what all commands share, and what those that read objects share.
 *
 * @param path below `src`, such as `maps/map.js`
 */
export function chunkOf(path) {
  const [room, folder] = path.split('/')
  if (room === 'cli') {
    if (folder === 'object') return 'object'
    return folder === 'form' || folder === 'output' ? 'form' : undefined
  }
  return UPPER_ROOMS.includes(room) ? room : LIBRARY
}
