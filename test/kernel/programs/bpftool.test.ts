import { Collection } from '../../../src/collection/collection.ts'
import type { Feature } from '../../../src/kernel/probes/probe.ts'
import type { Program } from '../../../src/programs/program.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftool } from '../../support/bpftool.ts'
import { loadByBpftool } from '../../support/bpftool-load.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { bloomFilters } from '../../support/maps/features.ts'
import { loadObject, objectPath, objectSpec } from '../../support/objects.ts'
import { forEachMapElem } from '../../support/programs/features.ts'

/** What `bpftool -j prog show` prints. */
interface Shown {
  id: number
  type: string
  name: string
  tag: string
  gpl_compatible: boolean
  uid: number
  bytes_xlated: number
  bytes_jited?: number
  map_ids?: number[]
  btf_id?: number
}

/** An instruction of `bpftool -j prog dump xlated linum`. */
interface Dumped {
  proto?: string
  src?: string
  line_num?: number
  disasm: string
}

const shown = (...selector: (string | number)[]): Shown => bpftool('prog', 'show', ...selector) as Shown

/** Prototypes and source lines at each instruction; its text without ids and addresses, which differ. */
function dumped(...selector: (string | number)[]): string[] {
  return (bpftool('prog', 'dump', 'xlated', ...selector, 'linum') as Dumped[]).map(each => {
    const text = each.disasm.replace(/map\[id:\d+\]|0x[0-9a-f]{8,}/, '...')
    return [each.proto, each.line_num, each.src, text].filter(part => part !== undefined).join(' | ')
  })
}

for (const [name, needs] of [
  ['events', []],
  ['functions', []],
  ['maps', []],
  ['recent', [bloomFilters]],
  ['examples/processes', []],
] satisfies [string, Feature[]][]) {
  kernelTest(`libbpf gives the programs of ${name} the same tags and lines`, ['bpftool', ...needs], t => {
    const spec = objectSpec(name)
    // libbpf finds no lines for the programs whose section was renamed.
    const optional = [...spec.programs.values()].filter(({ autoload }) => autoload === false)
    for (const program of optional) program.autoload = true
    using collection = Collection.load(spec)
    loadByBpftool(name, directory => {
      for (const [each, program] of collection.programs) {
        const pin = ['pinned', `${directory}/${each}`]
        t.is(program.info().tag, shown(...pin).tag, `tag of ${each}`)
        if (!optional.includes(spec.programs.get(each))) {
          const ours = dumped('id', program.info().id)
          t.deepEqual(ours, dumped(...pin), each)
          t.regex(ours[0]!, new RegExp(`^int ${each}\\(.*\\) \\| \\d+ \\| `))
        }
      }
    })
  })
}

for (const [name, needs] of [
  ['callbacks', [forEachMapElem]],
  ['core', []],
  ['proprietary', []],
] satisfies [string, Feature[]][]) {
  kernelTest(`libbpf gives the first program of ${name} the same tag and lines`, ['bpftool', ...needs], t => {
    using bpffs = temporaryBpffs()
    const pin = ['pinned', `${bpffs.path}/program`]
    bpftool('prog', 'load', objectPath(name), pin[1]!)
    using collection = loadObject(name)
    const [program] = collection.programs.values()
    t.is(program!.info().tag, shown(...pin).tag)
    t.deepEqual(dumped('id', program!.info().id), dumped(...pin))
  })
}

/** Info of a program in the words of bpftool. */
function inBpftoolsWords(program: Program): Shown {
  const info = program.info()
  return {
    id: info.id,
    type: String(info.type),
    name: info.name,
    tag: info.tag,
    gpl_compatible: info.gplCompatible,
    uid: info.createdByUid,
    bytes_xlated: info.translatedSize,
    ...(info.jitedSize === 0 ? {} : { bytes_jited: info.jitedSize }),
    ...(info.mapIds.length === 0 ? {} : { map_ids: info.mapIds }),
    ...(info.btfId === 0 ? {} : { btf_id: info.btfId }),
  }
}

kernelTest('info is what bpftool shows', ['bpftool'], t => {
  for (const name of ['maps', 'events', 'functions', 'proprietary']) {
    using collection = loadObject(name)
    for (const program of collection.programs.values()) {
      t.like(shown('id', program.info().id), { ...inBpftoolsWords(program) })
    }
  }
})

kernelTest('translated instructions are those that bpftool dumps', ['bpftool'], t => {
  using collection = loadObject('functions', ['third'])
  const program = collection.programs.get('third')
  const dump = bpftool('prog', 'dump', 'xlated', 'id', program.info().id) as Dumped[]
  t.deepEqual(
    program.translated().map(({ opcode }) => opcode),
    dump.map(({ disasm }) => Number.parseInt(disasm.slice(1, 3), 16)),
  )
})
