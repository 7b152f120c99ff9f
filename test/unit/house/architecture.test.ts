import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import test from 'ava'
import {
  importCircles,
  readSources,
  type SourceFile,
  undocumentedExports,
} from '../../support/house/sources.ts'

/** Lines that a file has at most. */
const MAX_LINES = 500
/** Files that lie directly in a folder at most. */
const MAX_FILES = 20

const pure = ['base', 'abi', 'asm', 'btf', 'spec', 'elf', 'charts']
const specs = ['base', 'abi', 'asm', 'btf', 'spec']

/** Which rooms a room may import. `door` is `src/index.ts`. */
const arrows: Record<string, readonly string[]> = {
  base: [],
  abi: ['base'],
  asm: ['base', 'abi'],
  btf: ['base', 'abi', 'asm'],
  spec: ['base', 'abi', 'asm', 'btf'],
  elf: specs,
  syscalls: ['base', 'abi'],
  kernel: [...specs, 'elf', 'syscalls'],
  symbols: ['base', 'elf', 'syscalls', 'kernel'],
  objects: ['base', 'abi', 'btf', 'syscalls', 'kernel'],
  maps: [...specs, 'syscalls', 'kernel', 'symbols', 'objects'],
  programs: [...specs, 'syscalls', 'kernel', 'symbols', 'objects', 'maps'],
  readers: [...specs, 'syscalls', 'kernel', 'objects', 'maps'],
  links: [...specs, 'elf', 'syscalls', 'kernel', 'symbols', 'objects', 'maps', 'programs'],
  collection: [
    ...specs,
    'elf',
    'syscalls',
    'kernel',
    'symbols',
    'objects',
    'maps',
    'programs',
    'readers',
    'links',
  ],
  door: ['base', 'collection', 'elf', 'kernel', 'links', 'maps', 'programs', 'readers', 'syscalls'],
  bench: [
    'base',
    'abi',
    'asm',
    'btf',
    'spec',
    'elf',
    'kernel',
    'symbols',
    'maps',
    'programs',
    'readers',
    'links',
  ],
  profile: ['base', 'kernel', 'symbols', 'maps', 'programs', 'readers', 'links', 'collection', 'charts'],
  charts: ['base'],
  inspect: [...specs, 'elf', 'kernel', 'maps', 'programs', 'collection'],
  cli: [
    'door',
    'base',
    'bench',
    'profile',
    'charts',
    'symbols',
    'abi',
    'asm',
    'btf',
    'elf',
    'inspect',
    'kernel',
    'links',
    'maps',
    'programs',
    'readers',
    'syscalls',
  ],
}

/** Files on the way of every element and record: not even a disabled log call belongs there. */
const hotPaths = [
  'base/bytes.ts',
  'base/codec.ts',
  'base/codecs.ts',
  'base/members.ts',
  'syscalls/elem.ts',
  'syscalls/entry.ts',
  'syscalls/backends/koffi.ts',
  'syscalls/memory.ts',
  'syscalls/backends/shim.ts',
  'maps/element.ts',
  'maps/kinds/descriptors.ts',
  'maps/kinds/queue.ts',
  'maps/iterate.ts',
  'maps/batch.ts',
  'readers/ring.ts',
  'readers/record.ts',
  'readers/record-iterator.ts',
  'readers/record-stream.ts',
]

const architecture = readFileSync('ARCHITECTURE.md', 'utf8')
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>
  dependencies: Record<string, string>
}
const sources = readSources()

/** Pure files inside of rooms that are not, as ARCHITECTURE.md names them. */
const specParagraph = architecture.split('\n\n').find(text => text.includes('belong to the spec layer')) ?? ''
const specFiles = [...specParagraph.matchAll(/`([\w/-]+\.ts)`/g)].map(([, path]) => path!)

function roomOf(path: string): string {
  if (path === 'index.ts') return 'door'
  if (specFiles.includes(path)) return 'spec'
  return path.slice(0, path.indexOf('/'))
}

const rooms = [...new Set(sources.map(({ path }) => roomOf(path)))].filter(
  room => !['door', 'spec'].includes(room),
)

/** Paths of files for which something holds, with what holds. */
function offenders(find: (file: SourceFile) => readonly string[]): string[] {
  return sources.flatMap(file => find(file).map(what => `${file.path}: ${what}`))
}

test('rooms import only what lies below them', t => {
  t.deepEqual(
    offenders(({ path, imports }) => {
      const from = roomOf(path)
      return imports.filter(each => roomOf(each) !== from && !arrows[from]?.includes(roomOf(each)))
    }),
    [],
  )
})

test('the arrows are those that ARCHITECTURE.md draws, and point down', t => {
  const drawing =
    /```\n(cli [\s\S]*?)```/
      .exec(architecture)?.[1]
      ?.trimEnd()
      .split('\n')
      .filter(line => !line.startsWith('-')) ?? []
  const drawn = drawing.map(line => /\w+/.exec(line)![0])
  t.deepEqual([...drawn].sort(), [...rooms].sort())

  // The spec layer lies in other rooms' folders, right below elf; the door right above collection.
  drawn.splice(drawn.indexOf('elf') + 1, 0, 'spec')
  drawn.splice(drawn.indexOf('collection'), 0, 'door')
  t.deepEqual([...drawn].sort(), Object.keys(arrows).sort())
  for (const [from, to] of Object.entries(arrows)) {
    for (const each of to) t.true(drawn.indexOf(each) > drawn.indexOf(from), `${from} -> ${each} points up`)
  }
  const drawnPure = drawing.flatMap((line, i) =>
    / pure$/.test(line) ? [drawing[i]!.trim().split(/\s/)[0]!] : [],
  )
  t.deepEqual(drawnPure.sort(), pure.filter(r => r !== 'spec').sort())
})

test('the spec layer is where ARCHITECTURE.md says', t => {
  t.true(specFiles.length >= 3)
  t.deepEqual(
    specFiles.filter(path => !existsSync(`src/${path}`)),
    [],
  )
})

test('the command line uses public doors only', t => {
  t.deepEqual(
    offenders(({ path, imports }) =>
      roomOf(path) === 'cli'
        ? imports.filter(each => roomOf(each) !== 'cli' && !each.endsWith('index.ts'))
        : [],
    ),
    [],
  )
})

test('a command writes only through the writer that escapes', t => {
  t.deepEqual(
    offenders(({ path, text }) =>
      roomOf(path) === 'cli' ? (text.match(/\bprocess\.(?:stdout|stderr)\b|\bconsole\.\w+/g) ?? []) : [],
    ),
    [],
  )
})

test('pure rooms import no built-in module and no package', t => {
  t.deepEqual(
    offenders(({ path, packages }) => (pure.includes(roomOf(path)) ? packages : [])),
    [],
  )
})

test('packages that are imported are dependencies', t => {
  const known = Object.keys(manifest.dependencies)
  t.deepEqual(
    offenders(({ packages }) => packages.filter(name => !name.startsWith('node:') && !known.includes(name))),
    [],
  )
})

test('koffi and the shim are each loaded in one file', t => {
  const loading = (pattern: RegExp): string[] =>
    sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path)
  t.deepEqual(loading(/\b(?:from|import|require|loadFromPackage)\b\s*\(?\s*'koffi'/), [
    'syscalls/backends/koffi.ts',
  ])
  t.deepEqual(loading(/\.node\b['"`]/), ['syscalls/backends/shim.ts'])
  // `require` and `import` of a name search folders that anyone may own.
  const requiring = ['syscalls/backends/shim.ts', 'syscalls/packages.ts']
  t.deepEqual(loading(/\bcreateRequire\(|\bprocess\.dlopen\(/), requiring)
  t.deepEqual(loading(/\bloadFromPackage\(\s*'/), ['syscalls/backends/koffi.ts', 'syscalls/debug.ts'])
})

test('files that callers name are read in one place', t => {
  // These read files of the kernel, or of this package.
  const own = [
    'bench/variants.ts',
    'cli/commands/version.ts',
    'kernel/btf.ts',
    'kernel/fdinfo.ts',
    'kernel/read-text.ts',
    'kernel/tracefs.ts',
  ]
  const reading = sources.filter(({ text }) => /\breadFile(?:Sync)?\(|\bcreateReadStream\(/.test(text))
  t.deepEqual(reading.map(({ path }) => path).sort(), own)
})

test('hot paths do not log', t => {
  for (const path of hotPaths) {
    const file = sources.find(each => each.path === path)
    t.truthy(file, `${path} is gone: mend the list`)
    t.false(file?.imports.includes('syscalls/debug.ts'), path)
  }
})

test(`files have at most ${MAX_LINES} lines`, t => {
  t.deepEqual(
    offenders(({ path, text }) => {
      const lines = text.split('\n').length - 1
      return lines <= MAX_LINES || path.includes('/generated/') ? [] : [`${lines} lines`]
    }),
    [],
  )
})

test('no file imports itself on any way, types included', t => {
  t.deepEqual(importCircles(sources), [])
})

test('circles of imports are found', t => {
  const files = Object.entries({
    a: ['b'],
    b: ['c', 'd'],
    c: ['a'],
    d: ['e'],
    e: ['f', 'gone'],
    f: ['e'],
    g: ['g', 'a'],
  })
  t.deepEqual(importCircles(files.map(([path, imports]) => ({ path, imports }))), [
    ['e', 'f'],
    ['a', 'b', 'c'],
    ['g'],
  ])
})

test(`folders have at most ${MAX_FILES} files`, t => {
  const counts = new Map<string, number>()
  for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  t.deepEqual(
    [...counts].filter(([, count]) => count > MAX_FILES),
    [],
  )
})

test('every room but the command line has a public door, which only re-exports', t => {
  for (const room of rooms.filter(each => each !== 'cli')) t.true(existsSync(`src/${room}/index.ts`), room)
  t.deepEqual(
    offenders(({ path, text }) => {
      if (!/(^|\/)index\.ts$/.test(path)) return []
      if (!text.includes('@module')) return ['no @module']
      const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
      const rest = code
        .replace(/export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^{}]*\})\s+from\s+'[^']+'/g, '')
        .trim()
      return rest === '' ? [] : [rest]
    }),
    [],
  )
})

test('package.json exports each public room, and the package itself', t => {
  const inner = ['cli', 'collection']
  const subpaths = rooms.filter(room => !inner.includes(room)).map(room => `./${room}`)
  t.deepEqual(Object.keys(manifest.exports).sort(), ['.', './package.json', ...subpaths].sort())
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue
    const file = `./dist${subpath.slice(1)}/index`
    t.deepEqual(target, { types: `${file}.d.ts`, default: `${file}.js` })
    for (const each of Object.values(target)) t.true(existsSync(each), `${each} is missing: npm run build`)
  }
})

test('every exported symbol has a doc comment', t => {
  t.deepEqual(
    offenders(({ text }) => undocumentedExports(text)),
    [],
  )
})
