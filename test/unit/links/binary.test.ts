import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { BpfError, ObjectFileError } from '../../../src/base/errors.ts'
import {
  fileSize,
  openBinary,
  readBinary,
  resolveBinary,
} from '../../../src/links/hooks/user-probes/binary.ts'

/** Two directories, one of them with another in it, and a variable that names them in this order. */
function searchIn(
  t: ExecutionContext,
  variable: 'PATH' | 'LD_LIBRARY_PATH',
): [first: string, second: string] {
  const root = mkdtempSync(join(tmpdir(), 'ebpf-ts-binary-'))
  const directories: [string, string] = [join(root, 'first'), join(root, 'second')]
  for (const each of directories) mkdirSync(each)
  const before = process.env[variable]
  t.teardown(() => {
    if (before === undefined) delete process.env[variable]
    else process.env[variable] = before
    rmSync(root, { recursive: true })
  })
  process.env[variable] = ['', '/nowhere', ...directories].join(delimiter)
  return directories
}

function put(directory: string, name: string, mode = 0o755): string {
  const path = join(directory, name)
  writeFileSync(path, '')
  chmodSync(path, mode)
  return path
}

// The tests change the environment, which is one for all of them.
test.serial('a path is taken as it is', t => {
  const [first] = searchIn(t, 'PATH')
  const path = put(first, 'program', 0o644)
  t.is(resolveBinary(path), path)
  const link = join(first, 'link')
  symlinkSync(path, link)
  t.is(resolveBinary(link), link)
})

test.serial('a path of nothing, or of something else than a file', t => {
  const [first] = searchIn(t, 'PATH')
  const path = put(first, 'file')
  for (const [each, code] of [
    [join(first, 'none'), 'ENOENT'],
    [join(path, 'below'), 'ENOTDIR'],
  ] as const) {
    t.throws(() => resolveBinary(each), {
      instanceOf: BpfError,
      code,
      message: `File ${each} does not exist`,
    })
  }
  t.throws(() => resolveBinary(first), {
    instanceOf: BpfError,
    code: 'ERR_NOT_A_FILE',
    message: `${first} is not a regular file`,
  })
  t.throws(() => resolveBinary('/dev/null'), { code: 'ERR_NOT_A_FILE' })
})

test.serial('a program is looked for in PATH, in its order', t => {
  const [first, second] = searchIn(t, 'PATH')
  const later = put(second, 'ebpf-ts-program')
  t.is(resolveBinary('ebpf-ts-program'), later)
  const earlier = put(first, 'ebpf-ts-program')
  t.is(resolveBinary('ebpf-ts-program'), earlier)
})

test.serial('programs are files that can be executed', t => {
  const [first, second] = searchIn(t, 'PATH')
  put(first, 'one', 0o644)
  mkdirSync(join(first, 'two'))
  symlinkSync('/nowhere', join(first, 'three'))
  for (const name of ['one', 'two', 'three']) {
    const path = put(second, name)
    t.is(resolveBinary(name), path)
  }
})

test.serial('a library is looked for in LD_LIBRARY_PATH, and need not be executable', t => {
  const [first, second] = searchIn(t, 'LD_LIBRARY_PATH')
  for (const name of ['libebpf-ts.so', 'libebpf-ts.so.1', 'libebpf-ts.so.1.2.3']) {
    const path = put(second, name, 0o644)
    t.is(resolveBinary(name), path)
  }
  const earlier = put(first, 'libebpf-ts.so', 0o644)
  t.is(resolveBinary('libebpf-ts.so'), earlier)
})

test.serial('each kind has a search of its own', t => {
  const [programs] = searchIn(t, 'PATH')
  const [libraries] = searchIn(t, 'LD_LIBRARY_PATH')
  put(programs, 'libebpf-ts.so')
  put(libraries, 'ebpf-ts-program')
  t.throws(() => resolveBinary('libebpf-ts.so'), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: new RegExp(`^No library libebpf-ts\\.so in /nowhere, ${libraries}, .*/usr/lib`),
  })
  t.throws(() => resolveBinary('ebpf-ts-program'), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: new RegExp(`^No program ebpf-ts-program in /nowhere, ${programs}, .*/usr/bin, /usr/sbin$`),
  })
})

test.serial('without the variables the directories of the system are searched', t => {
  searchIn(t, 'PATH')
  searchIn(t, 'LD_LIBRARY_PATH')
  delete process.env.PATH
  delete process.env.LD_LIBRARY_PATH
  t.regex(resolveBinary('libc.so.6'), /^\/(?:usr\/)?lib(?:64)?\/(?:[\w-]+\/)?libc\.so\.6$/)
  t.is(resolveBinary('env'), '/usr/bin/env')
})

test.serial('a file that is not ELF, or cannot be read', t => {
  const [first] = searchIn(t, 'PATH')
  const path = put(first, 'empty')
  t.throws(() => readBinary(path, elf => elf), {
    instanceOf: ObjectFileError,
    message: /^Not an ELF file: it is empty \(/,
  })
  t.throws(() => readBinary(first, elf => elf), {
    instanceOf: BpfError,
    code: 'ERR_NOT_A_FILE',
    message: `Cannot read ${first}: a directory, not a regular file`,
  })
  t.true(readBinary(process.execPath, elf => elf.sections.length) > 0)
})

test.serial('a descriptor is duplicated, and names the file whatever is at its path', t => {
  const [first] = searchIn(t, 'PATH')
  const path = put(first, 'program')
  writeFileSync(path, 'content')
  const fd = openSync(path, 'r')
  unlinkSync(path)
  {
    using binary = openBinary({ fd })
    closeSync(fd)
    t.is(binary.name, `descriptor ${fd} (${path} (deleted))`)
    t.is(fileSize(binary), 7)
    t.is(readFileSync(binary.path, 'utf8'), 'content')
    t.not(binary.fd, fd)
  }
  using other = openBinary(process.execPath)
  t.is(other.fd, undefined)
})

test.serial('what is not the descriptor of a file is refused', t => {
  const [first] = searchIn(t, 'PATH')
  t.throws(() => openBinary({ fd: -1 }), { instanceOf: RangeError, message: /^Cannot probe descriptor -1: / })
  t.throws(() => openBinary({ fd: 1_000_000 }), { instanceOf: BpfError, code: 'EBADF' })
  const fd = openSync(first, 'r')
  t.throws(() => openBinary({ fd }), { code: 'ERR_NOT_A_FILE', message: /\) is not a regular file$/ })
  closeSync(fd)
})
