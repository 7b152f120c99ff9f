import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { BpfError } from '../../../src/base/errors.ts'
import { readProbesDocument } from '../../../src/bench/document.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { kernelConfig } from '../../../src/kernel/kconfig.ts'
import { MAX_FILE_SIZE, OpenFile, readRegularFile } from '../../../src/kernel/read-file.ts'
import { readBtfFile } from '../../../src/kernel/types/btf-file.ts'
import { readBinary } from '../../../src/links/hooks/user-probes/binary.ts'

function temporary(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'read-file-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

type Readers = Readonly<Record<string, (path: string) => unknown>>

/** Everything that reads a file whole which the caller names. */
const wholeReaders: Readers = {
  'CollectionSpec.fromFile': path => CollectionSpec.fromFile(path),
  readBtfFile: path => readBtfFile(path),
  kernelConfig: path => kernelConfig([path]),
  readProbesDocument,
}

/** What reads parts of it, too. */
const readers: Readers = { ...wholeReaders, readBinary: path => readBinary(path, elf => elf) }

for (const [name, read] of Object.entries(readers)) {
  test(`${name} reads nothing that may never end or never begin`, async t => {
    using directory = temporary()
    const fifo = join(directory.path, 'fifo')
    execFileSync('mkfifo', [fifo])
    const link = join(directory.path, 'link')
    symlinkSync('/dev/zero', link)
    const socket = join(directory.path, 'socket')
    const server = createServer()
    await new Promise<void>(resolve => server.listen(socket, resolve))
    for (const [path, kind] of [
      [fifo, 'a FIFO'],
      ['/dev/zero', 'a device'],
      [link, 'a device'],
      [socket, 'a socket'],
      [directory.path, 'a directory'],
    ] as const) {
      t.throws(() => read(path), {
        instanceOf: BpfError,
        code: 'ERR_NOT_A_FILE',
        message: new RegExp(`^Cannot read .*${path}: ${kind}, not a regular file$`),
      })
    }
    server.close()
  })
}

for (const [name, read] of Object.entries(wholeReaders)) {
  test(`${name} has a limit, and says it`, t => {
    using directory = temporary()
    const path = join(directory.path, 'sparse')
    writeFileSync(path, '')
    truncateSync(path, 2 ** 40)
    t.throws(() => read(path), {
      instanceOf: BpfError,
      code: 'EFBIG',
      message: /: 1099511627776 bytes exceeds the limit of \d+ bytes$/,
    })
  })
}

test('a file is read to its end, whatever size it says it has', t => {
  using directory = temporary()
  const path = join(directory.path, 'file')
  for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
    const bytes = Buffer.alloc(size, 7)
    writeFileSync(path, bytes)
    t.deepEqual(readRegularFile(path, MAX_FILE_SIZE), bytes)
    if (size > 0) t.throws(() => readRegularFile(path, size - 1), { code: 'EFBIG' })
    t.is(readRegularFile(path, size).length, size)
  }
})

if (existsSync('/proc/cpuinfo')) {
  test('the limit holds for files of procfs too, whose size is 0', t => {
    t.true(readRegularFile('/proc/cpuinfo', 1 << 24).length > 100)
    t.throws(() => readRegularFile('/proc/cpuinfo', 100), {
      code: 'EFBIG',
      message: 'Cannot read /proc/cpuinfo: it exceeds the limit of 100 bytes',
    })
  })
}

test('a file that cannot be read has the error of the system', t => {
  using directory = temporary()
  t.throws(() => readRegularFile(join(directory.path, 'none'), 100), { instanceOf: BpfError, code: 'ENOENT' })
  appendFileSync(join(directory.path, 'file'), 'x')
  t.throws(() => readRegularFile(join(directory.path, 'file', 'x'), 100), { code: 'ENOTDIR' })
})

test('a part of a file is read wherever it lies, and only so far as the file goes', t => {
  using directory = temporary()
  const path = join(directory.path, 'sparse')
  const SIZE = 2 ** 40
  writeFileSync(path, 'start')
  truncateSync(path, SIZE - 3)
  appendFileSync(path, 'end')
  using file = OpenFile.open(path)
  t.is(file.size, SIZE)
  t.is(file.read(1, 3).toString(), 'tar')
  t.is(file.read(SIZE - 3, 3).toString(), 'end')
  t.is(file.read(SIZE - 2, 10).toString(), 'nd')
  t.is(file.read(SIZE, 10).length, 0)
  t.throws(() => file.read(0, SIZE), {
    instanceOf: BpfError,
    code: 'EFBIG',
    message: /^Cannot read .*\/sparse: a part of 1099511627776 bytes exceeds the limit of \d+ bytes$/,
  })
  t.throws(() => OpenFile.open(join(directory.path, 'none')), { instanceOf: BpfError, code: 'ENOENT' })
})

test('a file that is open is read on, whatever has its path', t => {
  using directory = temporary()
  const path = join(directory.path, 'file')
  writeFileSync(path, 'first')
  using file = OpenFile.open(path)
  t.is(file.read(0, 2).toString(), 'fi')
  rmSync(path)
  writeFileSync(path, 'second')
  t.is(file.readWhole(100).toString(), 'first')
  t.is(file.readWhole(100).toString(), 'first')
  t.throws(() => file.readWhole(4), { code: 'EFBIG' })
})

test('a file is closed once, and not read afterwards', t => {
  using directory = temporary()
  const path = join(directory.path, 'file')
  writeFileSync(path, 'first')
  const file = OpenFile.open(path)
  file[Symbol.dispose]()
  // Takes the number of the descriptor.
  using other = OpenFile.open(path)
  file[Symbol.dispose]()
  t.is(other.read(0, 5).toString(), 'first')
  for (const read of [() => file.read(0, 1), () => file.readWhole(1)])
    t.throws(read, { code: 'ERR_CLOSED', message: `Cannot read ${path}: the file is closed` })
})
