import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BpfError, ObjectFileError } from '../../../src/base/errors.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { functionSymbols } from '../../../src/elf/functions.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature } from '../../../src/kernel/probes/probe.ts'
import { attachBySection } from '../../../src/links/by-section.ts'
import { resolveBinary } from '../../../src/links/hooks/user-probes/binary.ts'
import { type UprobeOptions, uprobe, uretprobe } from '../../../src/links/hooks/user-probes/uprobe.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { perfEvents } from '../../support/links/perf-events.ts'
import { UprobeCounter } from '../../support/links/uprobe-counter.ts'
import { makeUprobeTarget } from '../../support/links/uprobe-target.ts'

const { uprobe: uprobes } = features
const indirectMemcpy = defineFeature('A C library that chooses its memcpy', undefined, () => {
  const libc = ElfFile.parse(readFileSync(resolveBinary('libc.so.6')))
  const found = [...functionSymbols(libc)].some(
    ({ name, symbol }) => name === 'memcpy' && symbol.type === 'ifunc',
  )
  return found ? 'yes' : 'no'
})

const target = makeUprobeTarget()
process.on('exit', () => target[Symbol.dispose]())
const hex = (offset: number): string => `0x${offset.toString(16)}`

kernelTest('a function of a library by name, in this process', [uprobes], t => {
  using counter = new UprobeCounter()
  using _ = uprobe(counter.program, 'libc.so.6', { symbol: 'getppid', pid: process.pid })
  t.is(
    counter.during(() => {
      for (let i = 0; i < 5; i++) void process.ppid
    }),
    5,
  )
})

kernelTest('a library in LD_LIBRARY_PATH, and a relative path', [uprobes], t => {
  using counter = new UprobeCounter()
  const { LD_LIBRARY_PATH } = process.env
  t.teardown(() => {
    if (LD_LIBRARY_PATH === undefined) delete process.env.LD_LIBRARY_PATH
    else process.env.LD_LIBRARY_PATH = LD_LIBRARY_PATH
  })
  process.env.LD_LIBRARY_PATH = target.directory
  for (const path of ['libtarget.so.1', relative('.', target.path)]) {
    using _ = uprobe(counter.program, path, { symbol: 'alpha' })
    t.is(counter.during(target.run), 3)
  }
})

kernelTest('an indirect function is not mistaken for what it chooses', [uprobes, indirectMemcpy], t => {
  using counter = new UprobeCounter()
  t.throws(() => uprobe(counter.program, 'libc.so.6', { symbol: 'memcpy' }), {
    code: 'ENOENT',
    message: /: memcpy is an indirect function: /,
  })
})

kernelTest('files and functions that are not there, or not usable', [uprobes], t => {
  using counter = new UprobeCounter()
  const attach = (path: string, symbol: string) => () => uprobe(counter.program, path, { symbol })
  const file = (name: string, bytes: Uint8Array): string => {
    const path = join(target.directory, name)
    writeFileSync(path, bytes)
    t.teardown(() => rmSync(path))
    return path
  }
  const elf = readFileSync(target.path)
  t.throws(attach('/nowhere/x', 'f'), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: /^Cannot attach program \w+: File \/nowhere\/x does not exist$/,
  })
  t.throws(attach('libnowhere.so.1', 'f'), {
    code: 'ENOENT',
    message: /^Cannot attach program \w+: No library libnowhere\.so\.1 in \//,
  })
  t.throws(attach('nowhere', 'f'), { code: 'ENOENT', message: /: No program nowhere in / })
  t.throws(attach('/usr/', 'f'), { code: 'ERR_NOT_A_FILE', message: /: \/usr\/ is not a regular file$/ })
  for (const symbol of ['delta', 'gamma@V3', 'alpha@V1', '', '@V1', 'alph']) {
    t.throws(attach(target.path, symbol), {
      code: 'ENOENT',
      message: `Cannot attach program ${counter.program.name} to uprobe ${target.path}:${symbol}: Function ${symbol} not found${symbol === 'alph' ? '; did you mean alpha?' : ''} (${target.path})`,
    })
  }
  t.throws(attach(target.path, 'twin'), {
    code: 'ERR_AMBIGUOUS',
    message: `Cannot attach program ${counter.program.name} to uprobe ${target.path}:twin: There are 2 functions twin; give a version or an offset (${target.path})`,
  })
  const script = file('script', Buffer.from('#!/bin/sh\n'))
  t.throws(attach(script, 'f'), { instanceOf: ObjectFileError, message: /: Not an ELF file \(/ })
  const unknown = file('unknown-class', elf.with(4, 3))
  t.throws(attach(unknown, 'f'), { instanceOf: ObjectFileError, message: /: Unknown ELF class 3 \(/ })
  for (let length = 0; length < elf.length; length += 101) {
    const path = file(`cut-${length}`, elf.subarray(0, length))
    t.throws(attach(path, 'alpha'), { instanceOf: ObjectFileError, message: /: (Truncated|Not an ELF)/ })
  }
  t.is(perfEvents(), 0)
})

kernelTest('arguments that the kernel would refuse or cut', [uprobes], t => {
  using counter = new UprobeCounter()
  const size = statSync(target.path).size
  const what = `Cannot attach program count to uprobe ${target.path}:`
  const cases: readonly (readonly [UprobeOptions, string])[] = [
    [{ offset: size }, `${hex(size)}: offset ${size} is behind the end of the file, ${size}`],
    [{ offset: -1 }, '0x-1: offset -1 is not a file offset'],
    [
      { symbol: 'alpha', offset: size },
      `alpha+${hex(size)}: offset ${target.offsets.alpha + size} is behind`,
    ],
    [{ symbol: 'alpha', refCtrOffset: 1 }, 'alpha: refCtrOffset 1 is not aligned to 2'],
    [{ symbol: 'alpha', refCtrOffset: 2 ** 32 }, 'alpha: refCtrOffset 4294967296 is behind the end'],
    [{ symbol: 'alpha', pid: 0 }, 'alpha: 0 is not the id of a process'],
    [{ symbol: 'alpha', pid: -1 }, 'alpha: -1 is not the id of a process'],
    [{ symbol: 'alpha', cookie: -1n }, 'alpha: cookie -1 is not an unsigned 64-bit number'],
    [{ symbol: 'alpha', cookie: 1n << 64n }, 'alpha: cookie 18446744073709551616 is not'],
  ]
  for (const [options, message] of cases) {
    const error = t.throws(() => uprobe(counter.program, target.path, options), { instanceOf: RangeError })
    t.true(error?.message.startsWith(what + message), error?.message)
  }
  t.throws(() => uprobe(counter.program, target.path, {}), {
    instanceOf: TypeError,
    message: `Cannot attach program count to ${target.path}: give a symbol or an offset`,
  })
  t.throws(() => uretprobe(counter.program, target.path, { symbol: 'alpha', offset: target.step }), {
    instanceOf: TypeError,
    message: /^Cannot attach .*: the return of a function is found only from its start$/,
  })
})

kernelTest('section names say where to attach', [uprobes], t => {
  const { path, offsets, step } = target
  const cases = [
    [`uprobe/${path}:alpha`, 3],
    [`uprobe/${path}:alpha+${step}`, 3],
    [`uprobe/${path}:alpha+${hex(step)}`, 3],
    [`uprobe/${path}:gamma@V1`, 1],
    [`uprobe/${path}:${hex(offsets.beta)}`, 2],
    [`uretprobe/${path}:beta`, 2],
    [`uretprobe/${path}:gamma`, 4],
  ] as const
  for (const [sectionName, calls] of cases) {
    using counter = new UprobeCounter({ sectionName })
    const attached = attachBySection(counter.program)
    if (!('link' in attached)) {
      t.fail(attached.reason.message)
      continue
    }
    using _ = attached.link
    t.is(attached.target, `${sectionName.slice(sectionName.indexOf('/') + 1)} in user space`)
    t.is(counter.during(target.run), calls, sectionName)
  }
})

kernelTest('section names that say too little', [uprobes], t => {
  const attach = (sectionName: string) => {
    using counter = new UprobeCounter({ sectionName })
    return attachBySection(counter.program)
  }
  t.like(attach('uprobe'), {
    reason: {
      message: 'Cannot attach program count by its section name: the section name "uprobe" names no target',
    },
  })
  for (const target of ['/bin/sh', ':alpha', '/bin/sh:']) {
    t.throws(() => attach(`uprobe/${target}`), {
      instanceOf: BpfError,
      message: `Cannot attach program count by its section name: "${target}" is not PATH:FUNCTION`,
    })
  }
  t.throws(() => attach(`uprobe/${target.path}:alpha+x`), {
    instanceOf: BpfError,
    message: /"x" is not an offset$/,
  })
  t.throws(() => attach(`uretprobe/${target.path}:alpha+1`), {
    instanceOf: BpfError,
    code: 'ERR_INVALID_SPEC',
    message: /alpha\+0x1: the return of a function is found only from its start$/,
  })
})
