/**
 * The storeys of the package, as ARCHITECTURE.md draws them: the rooms up to `collection` are one file, which
 * `import 'ebpf-ts'` loads; each room above is a file of its own, loaded only when it is imported.
 *
 * @module
 */

/** The rooms above the lower storeys, in the order of the drawing. */
export const UPPER_ROOMS = ['cli', 'inspect', 'bench', 'charts']

/** Name of the chunk of the lower storeys: what `import 'ebpf-ts'` reaches of them. */
export const LIBRARY = 'library'

/** Name of the file of what is loaded when it is first called. */
export const LATER_FILE = 'later.cjs'

/**
 * The modules of that file, without their extension: what finds out why something was refused, and what is done once and
 * rarely. No function of them is called for each element or record, or to load an ordinary object. See `later.mjs`.
 */
export const LATER = [
  'btf/core/type-difference',
  'collection/kconfig',
  'elf/explain-missing',
  'kernel/failure',
  'kernel/needed-capabilities',
  'kernel/permission',
  'kernel/tokens/create',
  'kernel/types/btf-file',
  'links/hooks/function-pattern',
  'links/hooks/kernel-probes/kprobe-multi-targets',
  'links/hooks/network/device',
  'links/hooks/network/xdp-refusal',
  'links/hooks/perf-event/probe',
  'links/hooks/user-probes/binary',
  'links/read-info',
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
  'symbols/explain-function',
  'syscalls/backends/koffi',
]

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
