import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BpfError, NotSupportedError, ObjectFileError } from '../../../src/base/errors.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature } from '../../../src/kernel/probes/probe.ts'
import { attachBySection } from '../../../src/links/by-section.ts'
import {
  type UprobeMultiOptions,
  uprobeMulti,
  uprobeSession,
} from '../../../src/links/hooks/user-probes/uprobe-multi.ts'
import type { UprobeMultiLinkInfo } from '../../../src/links/info.ts'
import { Link } from '../../../src/links/link.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { uprobeMultiInfo } from '../../support/links/features.ts'
import { UprobeCounter } from '../../support/links/uprobe-counter.ts'
import { makeUprobeTarget } from '../../support/links/uprobe-target.ts'

const lacking = (feature: { probe(): string }, name: string) =>
  defineFeature(`A kernel without ${name}`, undefined, () => (feature.probe() === 'no' ? 'yes' : 'no'))
const { uprobeMulti: multi, uprobeSession: session } = features
const noMulti = lacking(multi, 'uprobe_multi')
const noSession = lacking(session, 'uprobe sessions')

const target = makeUprobeTarget()
process.on('exit', () => target[Symbol.dispose]())
const { path, offsets } = target

const makeCounter = (cookies?: readonly bigint[]): UprobeCounter =>
  new UprobeCounter({ attachType: 'trace_uprobe_multi', ...(cookies === undefined ? {} : { cookies }) })

kernelTest('one link runs a program at many functions, and no more once closed', [multi], t => {
  using counter = makeCounter()
  const link = uprobeMulti(counter.program, path, { symbols: ['alpha', 'gamma@V1'] })
  t.is(link.count, 2)
  t.is(counter.during(target.run), 4)
  link.close()
  link.close()
  t.is(counter.during(target.run), 0)
})

kernelTest('patterns reach every function that matches, once', [multi], t => {
  using counter = makeCounter()
  const cases: readonly (readonly [UprobeMultiOptions['pattern'] & {}, number, number])[] = [
    ['*', 6, 12],
    ['?????', 3, 8],
    ['gam*', 2, 5],
    ['twin', 2, 2],
    [/[ab].*a/, 2, 5],
    [/BETA/i, 1, 2],
  ]
  for (const [pattern, count, calls] of cases) {
    using link = uprobeMulti(counter.program, path, { pattern })
    t.is(link.count, count, String(pattern))
    t.is(counter.during(target.run), calls, String(pattern))
  }
})

kernelTest('places by offset, and returns', [multi], t => {
  using counter = makeCounter()
  const places = [offsets.beta, offsets.alpha + target.step]
  using entries = uprobeMulti(counter.program, path, { offsets: places })
  t.is(entries.count, 2)
  t.is(counter.during(target.run), 5)
  entries.close()
  using _ = uprobeMulti(counter.program, path, { pattern: 'gamma', returns: true })
  t.is(counter.during(target.run), 5)
})

kernelTest('each place has its own cookie', [multi], t => {
  const cookies = [1n, 0xffff_ffff_ffff_fffen]
  using counter = makeCounter(cookies)
  using _ = uprobeMulti(counter.program, path, { symbols: ['alpha', 'beta'], cookies })
  target.run()
  t.deepEqual(
    cookies.map(each => counter.hits(each)),
    [3, 2],
  )
})

kernelTest('only the given process is watched', [multi], async t => {
  using counter = makeCounter()
  const watched = await target.start(t)
  const other = await target.start(t)
  using _ = uprobeMulti(counter.program, path, { pattern: 'alpha', pid: watched.pid! })
  await target.finish(other)
  t.is(counter.hits(), 0)
  await target.finish(watched)
  t.is(counter.hits(), 3)
})

kernelTest('reference counters are raised while attached', [multi], t => {
  using counter = makeCounter()
  const link = uprobeMulti(counter.program, path, {
    symbols: ['alpha', 'beta', 'gamma'],
    refCtrOffsets: [target.counter, 0, target.counter],
  })
  t.is(target.run(), 2)
  link.close()
  t.is(target.run(), 0)
})

kernelTest('info of a link is what bpftool shows', [multi, uprobeMultiInfo, 'bpftool'], async t => {
  const cookies = [5n, 6n]
  using counter = makeCounter(cookies)
  const child = await target.start(t)
  using link = uprobeMulti(counter.program, path, {
    symbols: ['alpha', 'beta'],
    cookies,
    refCtrOffsets: [0, target.counter],
    pid: child.pid!,
    returns: true,
  })
  const info = link.info() as UprobeMultiLinkInfo
  const { id, programId, ...rest } = info
  t.is(programId, counter.program.info().id)
  t.deepEqual(rest, {
    type: 'uprobe_multi',
    path,
    count: 2,
    flags: 1,
    pid: child.pid!,
    targets: [
      { offset: BigInt(offsets.alpha), refCtrOffset: 0n, cookie: 5n },
      { offset: BigInt(offsets.beta), refCtrOffset: BigInt(target.counter), cookie: 6n },
    ],
  })
  const shown = bpftoolLink(id)
  t.is(shown?.prog_id, programId)
  // bpftool before 7.5 shows no more.
  if (shown !== undefined && 'path' in shown) {
    t.like(shown, {
      ...{ type: 'uprobe_multi', path, func_cnt: 2, pid: child.pid!, retprobe: true },
      funcs: [
        { offset: offsets.alpha, ref_ctr_offset: 0, cookie: 5 },
        { offset: offsets.beta, ref_ctr_offset: target.counter, cookie: 6 },
      ],
    })
  }
  await target.finish(child)
})

kernelTest('a pinned link outlives its descriptor', [multi], t => {
  using bpffs = temporaryBpffs()
  using counter = makeCounter()
  const link = uprobeMulti(counter.program, path, { pattern: 'beta' })
  const pin = join(bpffs.path, 'beta')
  link.pin(pin)
  link.close()
  t.is(counter.during(target.run), 2)
  using pinned = Link.loadPinned(pin)
  pinned.unpin(pin)
  pinned.close()
  t.is(counter.during(target.run), 0)
})

kernelTest('a uprobe_multi link is neither updated nor detached', [multi], t => {
  using counter = makeCounter()
  using link = uprobeMulti(counter.program, path, { pattern: 'beta' })
  t.throws(() => link.update(counter.program), { instanceOf: BpfError })
  t.throws(() => link.detach(), { instanceOf: BpfError })
  t.is(counter.during(target.run), 2)
})

kernelTest('two links of one function close in either order', [multi], t => {
  using one = makeCounter()
  using two = makeCounter()
  const attach = ({ program }: UprobeCounter): Link => uprobeMulti(program, path, { pattern: 'alpha' })
  for (const [first, second] of [
    [one, two],
    [two, one],
  ] as const) {
    const [closed, open] = [attach(first), attach(second)]
    t.deepEqual([first.during(target.run), second.during(target.run)], [3, 3])
    closed.close()
    t.deepEqual([first.during(target.run), second.during(target.run)], [0, 3])
    open.close()
  }
})

kernelTest('a session runs at entry and return, unless the program says no', [session, 'bpftool'], t => {
  for (const [result, runs] of [
    [0, 6],
    [1, 3],
  ] as const) {
    using counter = new UprobeCounter({ attachType: 'trace_uprobe_session', result })
    using link = uprobeSession(counter.program, path, { symbols: ['alpha'] })
    t.is(link.count, 1)
    t.is(counter.during(target.run), runs)
    const { id, programId } = link.info()
    const shown = bpftoolLink(id)
    t.is(shown.prog_id, programId)
    // bpftool before 7.5 shows no more.
    if ('func_cnt' in shown) t.like(shown, { type: 'uprobe_multi', func_cnt: 1 })
  }
})

kernelTest('a session has cookies and watches a process', [session], async t => {
  using counter = new UprobeCounter({ attachType: 'trace_uprobe_session', cookies: [3n] })
  const child = await target.start(t)
  const options = { symbols: ['beta'], cookies: [3n], pid: child.pid! }
  using _ = uprobeSession(counter.program, path, options)
  target.run()
  t.is(counter.hits(3n), 0)
  await target.finish(child)
  t.is(counter.hits(3n), 4)
})

const loadedFor = (attachType: string): string =>
  `it must be loaded with expectedAttachType '${attachType}', not with`

kernelTest('a program must be loaded for the kind of link', [multi], t => {
  using plain = new UprobeCounter()
  t.throws(() => uprobeMulti(plain.program, path, { pattern: '*' }), {
    instanceOf: BpfError,
    code: 'ERR_ATTACH_TYPE',
    message: `Cannot attach program count to functions of ${path}: ${loadedFor('trace_uprobe_multi')}out one`,
  })
})

kernelTest('a program for uprobe_multi is not one for a session', [session], t => {
  using counter = makeCounter()
  t.throws(() => uprobeSession(counter.program, path, { pattern: '*' }), {
    code: 'ERR_ATTACH_TYPE',
    message: new RegExp(`${loadedFor('trace_uprobe_session')} '\\w+'$`),
  })
  using other = new UprobeCounter({ attachType: 'trace_uprobe_session' })
  t.throws(() => uprobeMulti(other.program, path, { pattern: '*' }), {
    code: 'ERR_ATTACH_TYPE',
    message: new RegExp(`${loadedFor('trace_uprobe_multi')} '\\w+'$`),
  })
})

kernelTest('a process that does not exist', [multi], t => {
  using counter = makeCounter()
  t.throws(() => uprobeMulti(counter.program, path, { pattern: '*', pid: 0x7fff_fff0 }), {
    instanceOf: BpfError,
    code: 'ESRCH',
    message: `Cannot attach program count to functions of ${path}: No such process (ESRCH)`,
  })
})

kernelTest('a list is what its iterator gives, whatever its length says', [multi], t => {
  using counter = makeCounter()
  const iterated = <T>(list: readonly T[]): readonly T[] =>
    Object.assign(Object.create({ length: 1_000_000 }), { [Symbol.iterator]: () => list[Symbol.iterator]() })
  using link = uprobeMulti(counter.program, path, {
    offsets: iterated([offsets.alpha]),
    refCtrOffsets: iterated([0]),
    cookies: iterated([7n]),
  })
  t.is(link.count, 1)
  t.throws(() => uprobeMulti(counter.program, path, { symbols: 'alpha' as never }), {
    instanceOf: TypeError,
    message: /symbols is not a list$/,
  })
})

kernelTest('kernels without uprobe_multi or sessions say so', [noSession], t => {
  using counter = new UprobeCounter()
  if (noMulti.probe() === 'yes') {
    t.throws(() => uprobeMulti(counter.program, path, { pattern: '*' }), {
      instanceOf: NotSupportedError,
      message: /uprobe_multi.*6\.6/,
    })
  }
  t.throws(() => uprobeSession(counter.program, path, { pattern: '*' }), {
    instanceOf: NotSupportedError,
    message: /session.*6\.13/,
  })
})

kernelTest('arguments that are wrong', [features.uprobe], t => {
  using counter = new UprobeCounter()
  const what = `Cannot attach program count to functions of ${path}: `
  const attach = (options: UprobeMultiOptions) => () => uprobeMulti(counter.program, path, options)
  for (const options of [{}, { symbols: ['alpha'], pattern: '*' }, { symbols: ['alpha'], offsets: [1] }]) {
    t.throws(attach(options), {
      instanceOf: TypeError,
      message: `${what}give one of symbols, offsets and pattern`,
    })
  }
  const symbols = ['alpha']
  const ranges: readonly (readonly [UprobeMultiOptions, string])[] = [
    [{ symbols, cookies: [] }, '0 cookies for 1 functions'],
    [{ symbols, refCtrOffsets: [0, 0] }, '2 refCtrOffsets for 1 functions'],
    [{ symbols, cookies: [-1n] }, 'cookie -1 is not an unsigned 64-bit number'],
    [{ symbols, refCtrOffsets: [3] }, 'refCtrOffset 3 is not aligned to 2'],
    [{ symbols, pid: 0 }, '0 is not the id of a process'],
    [{ symbols: [] }, 'the list is empty'],
    [{ offsets: [] }, 'the list is empty'],
    [{ offsets: [-1] }, 'offset -1 is not a file offset'],
    [{ offsets: [1.5] }, 'offset 1.5 is not a file offset'],
    [{ offsets: [2 ** 40] }, 'offset 1099511627776 is behind the end of the file, '],
  ]
  for (const [options, message] of ranges) {
    const error = t.throws(attach(options), { instanceOf: RangeError })
    t.true(error?.message.startsWith(what + message), error?.message)
  }
  t.throws(attach({ pattern: '*', cookies: [1n] }), {
    instanceOf: TypeError,
    message: `${what}cookies need symbols or offsets`,
  })
  for (const options of [{ pattern: 'delta*' }, { pattern: /alph/ }]) {
    t.throws(attach(options), {
      instanceOf: BpfError,
      code: 'ENOENT',
      message: /^Cannot attach .*: no function matches /,
    })
  }
  t.throws(attach({ pattern: '' }), { code: 'ERR_INVALID_PATTERN' })
  t.throws(attach({ symbols: ['alpha', 'delta'] }), {
    code: 'ENOENT',
    message: /^Cannot attach program \w+ to functions of .*: Function delta not found \(/,
  })
  t.throws(() => uprobeMulti(counter.program, '/nowhere/x', { pattern: '*' }), { code: 'ENOENT' })
  const script = join(target.directory, 'script')
  writeFileSync(script, '#!/bin/sh\n')
  t.throws(() => uprobeMulti(counter.program, script, { pattern: '*' }), { instanceOf: ObjectFileError })
})

kernelTest('section names say where to attach', [multi], t => {
  const cases = [
    [`uprobe.multi/${path}:gam*`, 2, 5],
    [`uretprobe.multi/${path}:alpha`, 1, 3],
    [`uprobe.multi/${path}:*`, 6, 12],
  ] as const
  for (const [sectionName, count, calls] of cases) {
    using counter = new UprobeCounter({ sectionName, attachType: 'trace_uprobe_multi' })
    const attached = attachBySection(counter.program)
    if (!('link' in attached)) {
      t.fail(attached.reason.message)
      continue
    }
    using _ = attached.link
    t.is(
      attached.target,
      `${count} uprobes of ${path}: ${sectionName.slice(sectionName.lastIndexOf(':') + 1)}`,
    )
    t.is(counter.during(target.run), calls, sectionName)
  }
  using broken = new UprobeCounter({
    sectionName: 'uprobe.multi/libc.so.6',
    attachType: 'trace_uprobe_multi',
  })
  t.throws(() => attachBySection(broken.program), { message: /"libc\.so\.6" is not PATH:PATTERN$/ })
})

kernelTest('a section name of a session', [session], t => {
  const sectionName = `uprobe.session/${path}:beta`
  using counter = new UprobeCounter({ sectionName, attachType: 'trace_uprobe_session' })
  const attached = attachBySection(counter.program)
  t.true('link' in attached)
  if (!('link' in attached)) return
  using _ = attached.link
  t.is(counter.during(target.run), 4)
})
