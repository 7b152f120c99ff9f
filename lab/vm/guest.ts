/**
 * What a guest boots from: a root file system, the project, and an initramfs that mounts them.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DebianArchive, type GuestArch } from './debian.ts'
import { CACHE, type GuestKernel } from './kernels.ts'

/** Node.js of the guests, from npm's binary packages. */
export const GUEST_NODE = '22'

/** What guests need besides Node.js: its libraries, a shell, and the outside witnesses of the tests. */
const GUEST_PACKAGES = [
  'busybox-static',
  'bpftool',
  'strace',
  'libstdc++6',
  'libatomic1',
  'iproute2',
  'util-linux',
]

/** Where the project is mounted in a guest. */
export const GUEST_PROJECT = '/project'

/** What the guest's init prints before a command's output. */
export const BEGIN = '@@ begin @@'
/** What it prints after the output: the exit code. */
export const END: RegExp = /@@ end (\d+) @@$/

/** Makes the root image of an architecture, or takes it from the cache. */
export function prepareRoot(arch: GuestArch): string {
  // What goes into the image is in its name, so that a change of it makes another one.
  const recipe = createHash('sha256').update(JSON.stringify([GUEST_INIT, GUEST_PACKAGES, GUEST_NODE]))
  const image = join(CACHE, `root-${arch}-${recipe.digest('hex').slice(0, 12)}.ext4`)
  if (existsSync(image)) return image
  // Another run may make the same image at the same time: each in a place of its own.
  const root = join(CACHE, `root-${arch}-${process.pid}`)
  rmSync(root, { recursive: true, force: true })
  // Debian keeps these as links into /usr; the package that makes them is not among ours.
  mkdirSync(root, { recursive: true })
  for (const each of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', each), { recursive: true })
    symlinkSync(`usr/${each}`, join(root, each))
  }
  const archive = new DebianArchive(join(process.cwd(), CACHE, 'apt', `root-${arch}`), arch, [
    'trixie',
    'trixie-security',
  ])
  archive.unpackClosure(GUEST_PACKAGES, root)
  for (const each of [
    'usr/share',
    'var',
    'usr/lib/x86_64-linux-gnu/gconv',
    'usr/lib/aarch64-linux-gnu/gconv',
  ]) {
    rmSync(join(root, each), { recursive: true, force: true })
  }
  for (const each of ['dev', 'proc', 'sys', 'tmp', 'run', 'root', 'var', 'project', 'etc']) {
    mkdirSync(join(root, each), { recursive: true })
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n')
  copyFileSync(join(root, 'usr/bin/busybox'), join(CACHE, `busybox-${arch}`))
  copyFileSync(foreignPackage(arch, `node-linux-${arch}`, GUEST_NODE, 'bin/node'), join(root, 'usr/bin/node'))
  chmodSync(join(root, 'usr/bin/node'), 0o755)
  writeFileSync(join(root, 'init'), GUEST_INIT, { mode: 0o755 })
  makeImage(root, `${root}.ext4`, 256)
  rmSync(root, { recursive: true })
  for (const old of readdirSync(CACHE)) {
    if (old.startsWith(`root-${arch}-`) && /-[0-9a-f]{12}\.ext4$/.test(old)) rmSync(join(CACHE, old))
  }
  renameSync(`${root}.ext4`, image)
  return image
}

/** Installs an npm package for another architecture below the cache, and returns the path of a file in it. */
function foreignPackage(arch: GuestArch, name: string, version: string, file: string): string {
  const at = join(CACHE, `npm-${arch}`)
  const path = join(at, 'node_modules', name, file)
  if (!existsSync(path)) {
    mkdirSync(at, { recursive: true })
    if (!existsSync(join(at, 'package.json'))) writeFileSync(join(at, 'package.json'), '{"private":true}\n')
    const target = ['--os', 'linux', '--cpu', arch, '--force']
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--save-exact']
    execFileSync('npm', ['install', '--prefix', at, ...target, ...quiet, `${name}@${version}`], {
      stdio: 'pipe',
    })
  }
  return path
}

/** Run by the guest's kernel once the root is mounted: mounts what tests need, runs the command, powers off. */
const GUEST_INIT = `#!/bin/busybox sh
export PATH=/usr/bin:/usr/sbin HOME=/root TERM=dumb CI=true
# Compiling the same modules for each test file takes an emulated machine long.
export NODE_COMPILE_CACHE=/run/compile-cache
/usr/bin/busybox mount -t proc proc /proc
/usr/bin/busybox --install -s /usr/bin 2>/dev/null
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t securityfs securityfs /sys/kernel/security
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /lib/modules /boot
mount -t ext4 -o ro /dev/vdb ${GUEST_PROJECT}
mount --bind ${GUEST_PROJECT}/.guest/modules /lib/modules
mount -t tmpfs cache ${GUEST_PROJECT}/node_modules/.cache
cp ${GUEST_PROJECT}/.guest/config /boot/config-$(uname -r) 2>/dev/null
ip link set lo up
echo 1 > /proc/sys/kernel/panic_on_oops
cd ${GUEST_PROJECT}
if [ -e .guest/shell ]; then
  setsid sh -c 'exec sh </dev/console >/dev/console 2>&1'
else
  echo "${BEGIN}"
  sh .guest/command 2>&1
  echo "@@ end $? @@"
fi
sync
poweroff -f
`

/** First program of the guest: loads the modules of the disk, mounts the root, hands over. */
const INITRAMFS_INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in MODULES; do /bin/busybox insmod /$module; done
n=0
while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do /bin/busybox sleep 0.1; n=$((n+1)); done
/bin/busybox mount -t ext4 /dev/vda /root || /bin/busybox poweroff -f
exec /bin/busybox switch_root /root /init
`

/** Makes the initramfs of a kernel: a busybox, the disk's modules, and the script above. */
export function makeInitramfs(kernel: GuestKernel, directory: string): string {
  const tree = join(directory, 'initramfs')
  rmSync(tree, { recursive: true, force: true })
  for (const each of ['bin', 'dev', 'root']) mkdirSync(join(tree, each), { recursive: true })
  const busybox = join(CACHE, `busybox-${kernel.arch}`)
  copyFileSync(busybox, join(tree, 'bin/busybox'))
  for (const each of kernel.bootModules) copyFileSync(each, join(tree, basename(each)))
  const names = kernel.bootModules.map(each => basename(each)).join(' ')
  writeFileSync(join(tree, 'init'), INITRAMFS_INIT.replace('MODULES', names), { mode: 0o755 })
  const archive = join(directory, 'initramfs.cpio')
  writeFileSync(
    archive,
    execFileSync('sh', ['-c', 'find . | cpio --quiet -o -H newc'], { cwd: tree, maxBuffer: 1 << 28 }),
  )
  return archive
}

/** Packs a directory into an ext4 image with some room to write. */
function makeImage(directory: string, image: string, spareMegabytes: number): void {
  const kilobytes = Number(execFileSync('du', ['-sk', directory], { encoding: 'utf8' }).split('\t')[0])
  const megabytes = Math.ceil((kilobytes * 1.15) / 1024) + spareMegabytes
  rmSync(image, { force: true })
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', directory, image, `${megabytes}M`], { stdio: 'pipe' })
}

/** What of the project a guest needs: compiled code and tests, objects, and the packages they import. */
const PROJECT_FILES = [
  'package.json',
  'ava.config.js',
  'build',
  'dist',
  'docs',
  'examples',
  'test/bpf',
  'test/btf',
  'bench/bpf',
  'src/abi/generated',
  'native',
]

/**
 * Packs the project, a command to run in it, and the kernel's modules into an image.
 *
 * @param command shell script; `undefined` gives a shell on the console
 * @param files other files and directories of the project that the command needs
 */
export function makeProjectImage(
  kernel: GuestKernel,
  directory: string,
  command: string | undefined,
  files: readonly string[] = [],
): string {
  const tree = join(directory, 'project')
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(join(tree, '.guest/modules'), { recursive: true })
  // ava writes there; the guest mounts memory over it.
  mkdirSync(join(tree, 'node_modules/.cache'), { recursive: true })
  for (const each of [...PROJECT_FILES, ...runtimePackages(), ...files]) {
    if (existsSync(each))
      cpSync(each, join(tree, each), { recursive: true, filter: path => !path.endsWith('/target') })
  }
  const koffi = `@koromix/koffi-linux-${kernel.arch}`
  if (!existsSync(join(tree, 'node_modules', koffi))) {
    const { version } = JSON.parse(readFileSync('node_modules/koffi/package.json', 'utf8')) as {
      version: string
    }
    const binary = foreignPackage(kernel.arch, koffi, version, 'package.json')
    cpSync(dirname(binary), join(tree, 'node_modules', koffi), { recursive: true })
  }
  cpSync(join(kernel.modules, 'lib/modules'), join(tree, '.guest/modules'), { recursive: true })
  copyFileSync(kernel.config, join(tree, '.guest/config'))
  if (command === undefined) writeFileSync(join(tree, '.guest/shell'), '')
  else writeFileSync(join(tree, '.guest/command'), command)
  const image = join(directory, 'project.ext4')
  makeImage(tree, image, 8)
  rmSync(tree, { recursive: true })
  return image
}

/** Packages that compiled code and tests import; no compilers, no linters. */
const RUNTIME_PACKAGES = ['koffi', 'debug', 'ava', 'fast-check'] as const

/** Directories of the packages that run in a guest: those above, and what they depend on. */
export function runtimePackages(): string[] {
  const found = new Set<string>()
  const visit = (name: string, from: string): void => {
    const location = locate(name, from)
    // An optional one may not be installed.
    if (location === undefined || found.has(location)) return
    found.add(location)
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(location, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string> | undefined>
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) visit(each, location)
  }
  for (const each of RUNTIME_PACKAGES) visit(each, '.')
  // koffi's binaries are packages of their own, for every architecture that npm was allowed to install.
  return [...found, 'node_modules/@koromix'].filter(each => existsSync(each))
}

/** Where a package finds another: in its own `node_modules`, or in one above it. */
function locate(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const path = join(directory, 'node_modules', name)
    if (existsSync(path)) return path
    if (directory === '.') return undefined
  }
}
