import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { readBtfFile } from '../../../src/collection/btf-file.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { dryRunCore } from '../../../src/inspect/core-dry-run.ts'
import { int } from '../../support/btf/types.ts'
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
