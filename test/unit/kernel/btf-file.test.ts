import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { BpfError, ObjectFileError } from '../../../src/base/errors.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { EM_X86_64, ET_EXEC, PF_R, PF_X } from '../../../src/elf/format.ts'
import { writeElf } from '../../../src/elf/write.ts'
import { dryRunCore } from '../../../src/inspect/core-dry-run.ts'
import { firstBtf, kernelImagePaths, readBtfFile } from '../../../src/kernel/types/btf-file.ts'
import { int } from '../../support/btf/types.ts'
import { spreadElf } from '../../support/elf/files.ts'
import { objectPath } from '../../support/objects.ts'

function temporary(bytes: Uint8Array): { path: string; [Symbol.dispose](): void } {
  const directory = mkdtempSync(join(tmpdir(), 'btf-'))
  const path = join(directory, 'kernel.btf')
  writeFileSync(path, bytes)
  return { path, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) }
}

test('raw BTF and that of an ELF file are read', t => {
  const builder = new BtfBuilder()
  builder.add(int('jiffy', 8, 'unsigned'))
  using file = temporary(builder.build())
  t.is(readBtfFile(file.path).find('jiffy'), 1)
  t.true(readBtfFile(objectPath('core')).find('task_struct', 'struct') !== undefined)
})

test('of an image that is larger than memory, only the BTF is read', t => {
  const builder = new BtfBuilder()
  builder.add(int('jiffy', 8, 'unsigned'))
  const image = writeElf({
    type: ET_EXEC,
    machine: EM_X86_64,
    segments: [{ flags: PF_R | PF_X }],
    sections: [{ name: '.BTF', data: builder.build() }],
    // Addresses of the kernel fit no JavaScript number.
    symbols: [{ name: '_stext', section: 1, value: 0xffff_ffff_8100_0000 }],
  })
  const GAP = 2 ** 40
  const { head, tail } = spreadElf(image, GAP)
  using file = temporary(head)
  const fd = openSync(file.path, 'r+')
  writeSync(fd, tail, 0, tail.length, GAP)
  closeSync(fd)
  t.is(readBtfFile(file.path).find('jiffy'), 1)
})

test('images of the kernel are looked for where libbpf does', t => {
  t.deepEqual(kernelImagePaths('6.1.0'), [
    '/boot/vmlinux-6.1.0',
    '/lib/modules/6.1.0/vmlinux-6.1.0',
    '/lib/modules/6.1.0/build/vmlinux',
    '/usr/lib/modules/6.1.0/kernel/vmlinux',
    '/usr/lib/debug/boot/vmlinux-6.1.0',
    '/usr/lib/debug/boot/vmlinux-6.1.0.debug',
    '/usr/lib/debug/lib/modules/6.1.0/vmlinux',
  ])
})

test('the first file with BTF counts, whatever the others are', t => {
  const builder = new BtfBuilder()
  builder.add(int('jiffy', 8, 'unsigned'))
  using good = temporary(builder.build())
  using compressed = temporary(new Uint8Array(64).fill(0x1f))
  const none = ['/nonexistent/vmlinux', `${good.path}/vmlinux`]
  const bad = [compressed.path, tmpdir(), process.execPath, '/dev/null']
  t.is(firstBtf([...none, ...bad, good.path], 'vmlinux')?.find('jiffy'), 1)
  t.is(firstBtf(none, 'vmlinux'), undefined)
  t.throws(() => firstBtf([...none, ...bad], 'vmlinux'), { instanceOf: ObjectFileError, message: /^Not BTF/ })
  t.throws(() => firstBtf([process.execPath, ...bad], 'vmlinux'), {
    instanceOf: BpfError,
    code: 'ERR_NO_BTF',
  })
})

test('split BTF continues its base', t => {
  const builder = new BtfBuilder()
  builder.add(int('jiffy', 8, 'unsigned'))
  using base = temporary(builder.build())
  const kernel = readBtfFile(base.path)
  const split = new BtfBuilder({ base: kernel })
  split.add({ kind: 'typedef', name: 'jiffies_t', type: 1 })
  using module = temporary(split.build())
  t.is(readBtfFile(module.path, kernel).sizeOf(2), 8)
})

test('an error about a file that is not BTF names the file', t => {
  t.throws(() => readBtfFile('/nonexistent'), { code: 'ENOENT', message: /^Cannot read \/nonexistent: / })
  using file = temporary(new Uint8Array(32))
  t.throws(() => readBtfFile(file.path), { code: 'ERR_OBJECT_FILE', message: /Not BTF.*kernel\.btf/ })
  t.throws(() => readBtfFile(process.execPath), { code: 'ERR_NO_BTF', message: / has no section \.BTF$/ })
})

test('an object satisfies its own relocations', t => {
  const runs = dryRunCore(CollectionSpec.fromFile(objectPath('events')), readBtfFile(objectPath('events')))
  t.true(runs.length > 0)
  t.deepEqual(
    runs.flatMap(({ failures, error }) => [...failures, ...(error === null ? [] : [error])]),
    [],
  )
})
