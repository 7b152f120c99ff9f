/**
 * The kernels of the matrix, and how to get them ready to boot.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DebianArchive, debianArchitectures, type GuestArch } from './debian.ts'

/** Where everything that is fetched or built for guests is kept. */
export const CACHE = '.cache/vm'

/** A kernel of the matrix. */
export interface KernelChoice {
  /** Name on the command line and in the table: `'6.12'`, `'6.12-arm64'`. */
  readonly name: string
  readonly arch: GuestArch
  /** Suites of Debian to look in. */
  readonly suites: readonly string[]
  /** Version that its package names start with. */
  readonly version: RegExp
}

/** Oldest to newest. */
export const kernels: readonly KernelChoice[] = [
  { name: '5.10', arch: 'x64', suites: ['bullseye', 'bullseye-security'], version: /5\.10\.0-/ },
  { name: '6.1', arch: 'x64', suites: ['bookworm', 'bookworm-security'], version: /6\.1\.0-/ },
  { name: '6.12', arch: 'x64', suites: ['trixie', 'trixie-security'], version: /6\.12\./ },
  { name: 'newest', arch: 'x64', suites: ['sid'], version: /\d+\.\d+/ },
  { name: '6.12-arm64', arch: 'arm64', suites: ['trixie', 'trixie-security'], version: /6\.12\./ },
]

/** A kernel that is ready to boot. */
export interface GuestKernel {
  readonly name: string
  readonly arch: GuestArch
  /** Release, as `uname -r` will print it. */
  readonly release: string
  /** The kernel image. */
  readonly image: string
  /** Kernel modules to load before the root disk can be mounted, in order, uncompressed. */
  readonly bootModules: readonly string[]
  /** Directory with `lib/modules/RELEASE`. */
  readonly modules: string
  /** The kernel's configuration. */
  readonly config: string
}

/** Modules that a virtio disk needs, unless they are built in. */
const DISK_MODULES = ['virtio_pci', 'virtio_blk']

/** Fetches a kernel, or takes it from the cache, where it stays until the cache is removed. */
export function prepareKernel(choice: KernelChoice): GuestKernel {
  const directory = join(CACHE, 'kernels', choice.name)
  const manifest = join(directory, 'kernel.json')
  if (!existsSync(manifest)) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    writeFileSync(manifest, JSON.stringify(fetchKernel(choice, directory), null, 2))
  }
  return JSON.parse(readFileSync(manifest, 'utf8')) as GuestKernel
}

function fetchKernel(choice: KernelChoice, directory: string): GuestKernel {
  const archive = new DebianArchive(
    join(process.cwd(), CACHE, 'apt', choice.name),
    choice.arch,
    choice.suites,
  )
  const suffix = `cloud-${debianArchitectures[choice.arch]}`
  const pattern = new RegExp(`^linux-image-${choice.version.source}[\\w.+~-]*-${suffix}$`)
  const image = archive.newest(pattern)
  const release = image.slice('linux-image-'.length)
  // From 7.x on the image and the modules are packages of their own.
  const names = [image, `linux-binary-${release}`, `linux-modules-${release}`, `linux-base-${release}`]
  const tree = join(directory, 'tree')
  archive.unpack(
    names.filter(name => archive.has(name)),
    tree,
  )
  const modules = join(directory, 'modules')
  const moduleTree = [join(tree, 'usr/lib/modules', release), join(tree, 'lib/modules', release)].find(
    existsSync,
  )
  if (moduleTree === undefined) throw new Error(`${image} has no modules`)
  mkdirSync(join(modules, 'lib/modules'), { recursive: true })
  execFileSync('cp', ['-a', moduleTree, join(modules, 'lib/modules')])
  execFileSync('depmod', ['-b', modules, release])

  const find = (names: readonly string[]): string => {
    const path = names.map(name => join(tree, name)).find(existsSync)
    if (path === undefined) throw new Error(`${image} has none of ${names.join(', ')}`)
    const copy = join(directory, basename(path))
    copyFileSync(path, copy)
    return copy
  }
  const kernel: GuestKernel = {
    name: choice.name,
    arch: choice.arch,
    release,
    image: find([`boot/vmlinuz-${release}`, `usr/lib/modules/${release}/vmlinuz`]),
    config: find([`boot/config-${release}`, `usr/lib/modules/${release}/config`]),
    bootModules: bootModules(modules, release, directory),
    modules,
  }
  rmSync(tree, { recursive: true })
  return kernel
}

/** Copies the modules for a virtio disk in the order of their dependencies, uncompressed for a minimal insmod. */
function bootModules(modules: string, release: string, directory: string): string[] {
  const files = new Set<string>()
  for (const name of DISK_MODULES) {
    const args = ['-d', modules, '-S', release, '--show-depends', name]
    for (const line of execFileSync('modprobe', args, { encoding: 'utf8' }).split('\n')) {
      if (line.startsWith('insmod ')) files.add(line.slice('insmod '.length).trim())
    }
  }
  return [...files].map(file => {
    const copy = join(directory, basename(file).replace(/\.(xz|zst)$/, ''))
    const tool = file.endsWith('.xz') ? 'xz' : 'zstd'
    if (file.endsWith('.ko')) copyFileSync(file, copy)
    else writeFileSync(copy, execFileSync(tool, ['-dc', file], { maxBuffer: 1 << 28 }))
    return copy
  })
}
