import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { type CgroupOptions, cgroup } from '../../../src/links/hooks/cgroup/cgroup.ts'
import type { Link, ProgramHandle } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'
import { bpftool } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { lacking, since } from '../../support/programs/features.ts'
import { cgroup2Path } from '../../support/requirements.ts'
import { ownName } from '../../support/stale.ts'

const HOOK = 'cgroup_inet_sock_create'
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

kernelTest(
  'programs of a control group run in the order that is asked for',
  ['cgroup2', 'bpftool', ordered],
  t => {
    const path = ownCgroup(t)
    using a = allow('a')
    using b = allow('b')
    using c = allow('c')
    using d = allow('d')
    const names = (): string[] =>
      (bpftool('cgroup', 'show', path) as { name: string }[]).map(({ name }) => name)
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

kernelTest('a kernel that does not order them says so', ['cgroup2', lacking(ordered)], t => {
  const path = ownCgroup(t)
  using a = allow('a')
  try {
    // Stable releases have it too.
    cgroup(a, path, HOOK, { anchor: 'first' }).close()
    t.pass()
  } catch (error) {
    t.regex((error as Error).message, /an order among the programs of a control group needs Linux 6\.17/)
  }
})

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
