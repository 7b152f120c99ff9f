/**
 * The objects of the corpus: fetched, compiled and linked below `.cache/corpus`, and never committed.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Collector } from './collector.ts'
import {
  addCompiled,
  addRust,
  headers,
  ownObjects,
  rustPreludes,
  rustRelease,
  rustSources,
  sources,
} from './compile.ts'
import { bpfImages } from './images.ts'
import { unpackModule } from './modules.ts'
import { compilers, modules, packages, RUST_OPTIONS, type Suite, suites } from './sources.ts'
import { archiveOf, CACHE, prepareDirectory, prepareTree, runIn } from './tree.ts'

/** Which objects: all, or those that other projects ship, for which no compiler is needed. */
export type CorpusName = 'objects' | 'agents'

/** Directory of the objects: a directory per origin. */
export function objectsDirectory(name: CorpusName): string {
  return join(CACHE, name)
}

/** What there is, and what could not be made. */
export interface Corpus {
  /** Hash of what it was made from. */
  readonly recipe: string
  /** Paths below the directory, each of other bytes: `'bookworm-libbpf-tools/biolatency.o'`. */
  readonly objects: readonly string[]
  /** Version of each origin that is a package or a module. */
  readonly versions: Readonly<Record<string, string>>
  /** Modules that were not fetched, sources that a compiler refused, and objects that bpftool did not link. */
  readonly failures: readonly { readonly what: string; readonly reason: string }[]
}

const indexOf = (name: CorpusName): string => join(objectsDirectory(name), 'index.json')

/** The corpus that is there. */
export function cachedCorpus(name: CorpusName): Corpus {
  return JSON.parse(readFileSync(indexOf(name), 'utf8')) as Corpus
}

/** Makes a corpus, or takes it from the cache, where it stays until the cache is removed or our sources change. */
export function prepareCorpus(name: CorpusName, log: (line: string) => void): Corpus {
  const recipe = recipeHash(name)
  if (existsSync(indexOf(name))) {
    const cached = cachedCorpus(name)
    if (cached.recipe === recipe) return cached
    rmSync(objectsDirectory(name), { recursive: true })
  }
  prepareDirectory(name, directory => {
    const collector = new Collector(directory)
    if (name === 'objects') addOwn(collector)
    for (const suite of suites) for (const each of packages[suite]) addPackage(collector, suite, each, log)
    for (const module of modules) addModule(collector, module, log)
    if (name === 'objects') {
      for (const compiler of compilers) addCompiled(collector, compiler, log)
      addRust(collector, log)
      addLinked(collector, log)
    }
    const { objects, versions, failures } = collector
    writeFileSync(
      join(directory, 'index.json'),
      JSON.stringify({ recipe, objects, versions, failures }, null, 1),
    )
  })
  return cachedCorpus(name)
}

/** What a corpus depends on: lists, compiler options and our own sources. */
function recipeHash(name: CorpusName): string {
  const hash = createHash('sha256').update(JSON.stringify([packages, modules]))
  if (name === 'agents') return hash.digest('hex')
  hash.update(JSON.stringify([compilers, RUST_OPTIONS, rustRelease()]))
  for (const file of [...sources(), ...rustSources(), ...rustPreludes(), ...ownObjects(), ...headers()])
    hash.update(file).update(readFileSync(file))
  return hash.digest('hex')
}

/** The committed objects. */
function addOwn(collector: Collector): void {
  for (const file of ownObjects()) collector.add('committed', basename(file, '.o'), readFileSync(file))
}

/** Every object in every file of a package. */
function addPackage(collector: Collector, suite: Suite, name: string, log: (line: string) => void): void {
  log(`unpacking ${name} of ${suite}`)
  const directory = join(CACHE, 'unpacked')
  rmSync(directory, { recursive: true, force: true })
  const [deb] = archiveOf(suite).unpack([name], directory)
  const origin = `${suite}-${name}`
  collector.versions[origin] = decodeURIComponent(deb!.split('_')[1]!)
  addUnpacked(collector, origin, directory)
}

/** Every object in every file of a Go module. */
function addModule(collector: Collector, module: string, log: (line: string) => void): void {
  log(`fetching ${module}`)
  const directory = join(CACHE, 'unpacked')
  rmSync(directory, { recursive: true, force: true })
  const fetched = unpackModule(module, directory)
  if (fetched.failure !== undefined) {
    collector.fail(module, fetched.failure)
    return
  }
  const origin = module.slice(0, module.indexOf('@')).replaceAll('/', '-')
  collector.versions[origin] = fetched.version
  addUnpacked(collector, origin, directory)
}

/** Every object in every file below a directory, which is removed then. */
function addUnpacked(collector: Collector, origin: string, directory: string): void {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  for (const file of files) {
    const path = join(directory, file)
    if (!lstatSync(path).isFile()) continue
    for (const { bytes } of bpfImages(readFileSync(path)))
      collector.add(origin, basename(file).replace(/(\.bpf)?\.(o|elf)$/, ''), bytes)
  }
  rmSync(directory, { recursive: true })
}

/** Our objects as `bpftool gen object` links them: each alone, which orders everything anew, and with its neighbour. */
function addLinked(collector: Collector, log: (line: string) => void): void {
  log('linking with bpftool')
  const tree = prepareTree('sid')
  const inputs = ownObjects().filter(file => file.endsWith('.bpf.o'))
  for (const file of inputs) {
    mkdirSync(join(tree, dirname(file)), { recursive: true })
    copyFileSync(file, join(tree, file))
  }
  const link = (name: string, ...files: readonly string[]): void => {
    const { ok, stderr } = runIn(tree, '/usr/sbin/bpftool', ['gen', 'object', '/tmp/out.o', ...files])
    if (ok) collector.add('linked', name, readFileSync(join(tree, 'tmp/out.o')))
    else collector.fail(`linked/${name}`, stderr)
  }
  inputs.forEach((file, i) => {
    const name = basename(file, '.bpf.o')
    link(name, file)
    const neighbour = inputs[i + 1]
    if (neighbour !== undefined) link(`${name}+${basename(neighbour, '.bpf.o')}`, file, neighbour)
  })
}
