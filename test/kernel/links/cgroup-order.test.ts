import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import { exit, jeq, label } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r10 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { type CgroupOptions, cgroup } from '../../../src/links/hooks/cgroup/cgroup.ts'
import { type CgroupOrder, iter } from '../../../src/links/hooks/iter/iter.ts'
import type { Link, ProgramHandle } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'
import { bpftool } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { lacking, since } from '../../support/programs/features.ts'
import { cgroup2Path } from '../../support/requirements.ts'
import { ownName } from '../../support/stale.ts'

const HOOK = 'cgroup_inet_sock_create'
const preorder = since(featureSince.cgroupPreorder, 'Programs that run before those of control groups below')
const walks = since('6.1', 'Iterators over control groups')
const children = since(featureSince.cgroupChildren, 'Iterators over the children of a control group')
const ordered = since(featureSince.cgroupOrder, 'An order among the programs of a control group')

function ownCgroup(t: ExecutionContext): string {
  const path = join(cgroup2Path()!, ownName())
  mkdirSync(path)
  t.teardown(() => rmdirSync(path))
  return path
}

function allow(name: string): Program {
  const instructions = [mov(r0, 1), exit()]
  return Program.load({ name, type: 'cgroup_sock', expectedAttachType: HOOK, instructions, license: 'GPL' })
}

/** Names of the programs of a control group, in their order. */
function attachedTo(path: string): string[] {
  return (bpftool('cgroup', 'show', path) as { name: string }[]).map(({ name }) => name)
}

kernelTest(
  'programs of a control group run in the order that is asked for',
  ['cgroup2', 'bpftool', ordered],
  t => {
    const path = ownCgroup(t)
    using a = allow('a')
    using b = allow('b')
    using c = allow('c')
    using d = allow('d')
    const names = (): string[] => attachedTo(path)
    using last: Link = cgroup(a, path, HOOK)
    using first = cgroup(b, path, HOOK, { anchor: 'first' })
    t.deepEqual(names(), ['b', 'a'])
    using between = cgroup(c, path, HOOK, { anchor: { before: { link: last } } })
    t.deepEqual(names(), ['b', 'c', 'a'])
    using behind = cgroup(d, path, HOOK, { anchor: { after: { linkId: first.id } } })
    t.deepEqual(names(), ['b', 'd', 'c', 'a'])
    t.true(between.id > 0 && behind.id > 0)
    t.throws(() => cgroup(d, path, HOOK, { expectedRevision: 1n }), { instanceOf: BpfError, code: 'ESTALE' })
    t.throws(() => cgroup(d, path, HOOK, { anchor: { before: { program: a } } }), {
      instanceOf: BpfError,
      message: /a link of a control group is placed next to another link, not a program/,
    })
  },
)

kernelTest(
  'a release before the order says so, or has it from its stable branch',
  ['cgroup2', 'bpftool', lacking(ordered)],
  t => {
    const path = ownCgroup(t)
    using a = allow('a')
    using b = allow('b')
    using _last = cgroup(a, path, HOOK)
    let first: Link
    try {
      first = cgroup(b, path, HOOK, { anchor: 'first' })
    } catch (error) {
      t.regex((error as Error).message, /an order among the programs of a control group needs Linux 6\.17/)
      return
    }
    using _ = first
    t.deepEqual(attachedTo(path), ['b', 'a'])
  },
)

/** A program's handle and the options of an attachment, which note what is read of them. */
function noted(program: Program, reads: string[]): [handle: ProgramHandle, options: CgroupOptions] {
  const note = <T>(name: string, value: T): T => {
    reads.push(name)
    return value
  }
  return [
    {
      name: program.name,
      get fd() {
        return note('fd', program.fd)
      },
      get spec() {
        return note('spec', program.spec)
      },
    },
    {
      get preorder() {
        return note('preorder', false)
      },
    },
  ]
}

kernelTest('no code of the caller runs between a descriptor and the system call', ['cgroup2'], t => {
  const path = ownCgroup(t)
  using program = allow('a')
  using other = allow('b')
  const reads: string[] = []
  const [handle, options] = noted(program, reads)
  using link = cgroup(handle, path, HOOK, options)
  t.is(reads.at(-1), 'fd')
  t.true(reads.includes('preorder') && reads.includes('spec'))
  reads.length = 0
  link.update(other)
  const expected = {
    get expected() {
      reads.push('expected')
      return { fd: other.fd }
    },
  }
  link.update(handle, expected)
  t.deepEqual(reads, ['expected', 'fd'])
})

kernelTest('options that close the program attach nothing', ['cgroup2'], t => {
  const path = ownCgroup(t)
  using program = allow('a')
  const options = {
    get preorder() {
      program.close()
      return false
    },
  }
  t.throws(() => cgroup(program, path, HOOK, options), { code: 'ERR_CLOSED' })
})

/** Names of the programs of a control group in the order in which they run, those of groups above among them. */
function running(path: string): string[] {
  return (bpftool('cgroup', 'show', path, 'effective') as { name: string }[]).map(({ name }) => name)
}

kernelTest(
  'a program runs before those of control groups below, where that is asked for',
  ['cgroup2', 'bpftool', preorder],
  t => {
    const path = ownCgroup(t)
    const below = join(path, 'below')
    mkdirSync(below)
    try {
      using a = allow('above_a')
      using b = allow('above_b')
      using c = allow('below_c')
      using _last = cgroup(a, path, HOOK)
      using _first = cgroup(b, path, HOOK, { preorder: true })
      using _between = cgroup(c, below, HOOK)
      t.deepEqual(
        running(below).filter(name => /^(?:above|below)_/.test(name)),
        ['above_b', 'below_c', 'above_a'],
      )
    } finally {
      rmdirSync(below)
    }
  },
)

/** Writes a byte for each control group that it is called with; its last call is without one. */
function writer(): Program {
  return Program.load({
    name: 'groups',
    type: 'tracing',
    expectedAttachType: 'trace_iter',
    attachTarget: 'cgroup',
    license: 'GPL',
    instructions: [
      load('u64', r2, r1, 8),
      jeq(r2, 0, 'end'),
      store('u8', r10, -1, 0x2a),
      // The context starts with a pointer to `struct bpf_iter_meta`, and that with the `struct seq_file`.
      load('u64', r1, r1, 0),
      load('u64', r1, r1, 0),
      mov(r2, r10),
      add(r2, -1),
      mov(r3, 1),
      call('seq_write'),
      label('end', mov(r0, 0)),
      exit(),
    ],
  })
}

kernelTest('an iterator walks over control groups in each order', ['cgroup2', walks], t => {
  const path = ownCgroup(t)
  const made = ['x', 'x/y', 'z'].map(name => join(path, name))
  for (const each of made) mkdirSync(each)
  const fd = openSync(path, 'r')
  try {
    using program = writer()
    const count = (order: CgroupOrder): number => {
      using link = iter(program, { cgroup: { fd, order } })
      return link.read().length
    }
    t.is(count('self_only'), 1)
    t.is(count('descendants_pre'), 4)
    t.is(count('descendants_post'), 4)
    t.true(count('ancestors_up') >= 2)
    if (children.probe() === 'no') {
      t.throws(() => count('children'), {
        instanceOf: BpfError,
        message: /the order children needs Linux 7\.0/,
      })
    } else {
      // Neither the group itself nor what is below its children.
      t.is(count('children'), 2)
    }
  } finally {
    closeSync(fd)
    for (const each of made.reverse()) rmdirSync(each)
  }
})
