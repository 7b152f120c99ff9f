import test from 'ava'
import { compareReleases, programTypeSince } from '../../../src/abi/since.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { attachBySection } from '../../../src/links/by-section.ts'
import type { HookDefinition } from '../../../src/links/hooks/definition.ts'
import { hooks } from '../../../src/links/hooks/registry.ts'
import * as door from '../../../src/links/index.ts'
import { Program } from '../../../src/programs/program.ts'
import { type Hook, type SectionDefinition, sectionDefinitions } from '../../../src/programs/sections.ts'

const registered = Object.entries(hooks) as [Hook, HookDefinition][]

function sectionsOf(hook: Hook): SectionDefinition[] {
  return sectionDefinitions.filter(each => each.hook === hook)
}

/** A program that is in no kernel: what cannot be attached by its section is refused before anything is asked. */
function programOf(sectionName: string): Program {
  return { name: 'p', spec: { sectionName } } as Program
}

function refusalOf(sectionName: string): { code: string; message: string } {
  const attached = attachBySection(programOf(sectionName))
  if (!('reason' in attached)) throw new Error(`${sectionName} was attached`)
  return attached.reason
}

test('every hook is named by a section, and every section names a hook', t => {
  t.deepEqual(
    registered.filter(([hook]) => sectionsOf(hook).length === 0).map(([hook]) => hook),
    [],
  )
  t.deepEqual(
    sectionDefinitions.filter(({ hook }) => !Object.hasOwn(hooks, hook)),
    [],
  )
})

for (const [name, hook] of registered) {
  test(`the hook ${name} and its sections agree`, t => {
    const sections = sectionsOf(name)
    t.is(
      hook.target !== undefined,
      sections.some(({ takesTarget }) => takesTarget),
    )
    const oldest = sections.map(({ type }) => programTypeSince[type]).sort(compareReleases)[0]!
    t.true(compareReleases(hook.since, oldest) >= 0, `${hook.since} is before its programs, ${oldest}`)
    if (hook.linkSince !== undefined) t.true(compareReleases(hook.linkSince, hook.since) > 0)
    t.regex(hook.attachesTo, /^(?:an? |the |nothing)/)
  })

  test(`the hook ${name} is attached as its definition says`, t => {
    const { bySection, call } = hook
    t.is(bySection.kind === 'not_implemented', call === undefined && name !== 'xdp_map')
    if (call === undefined) return
    const [, object, method] = /^(?:(\w+)\.)?(\w+)\(/.exec(call) ?? []
    const holders: Record<string, object> = {
      program: Program.prototype,
      collection: Collection.prototype,
      links: door,
    }
    t.is(typeof (holders[object ?? 'links'] as Record<string, unknown>)[method!], 'function', call)
  })

  test(`the hook ${name} says what a section name lacks`, t => {
    const { bySection, attachesTo, call } = hook
    const [section] = sectionsOf(name)
    const start = 'Cannot attach program p by its section name: '
    switch (bySection.kind) {
      case 'not_implemented':
        t.like(refusalOf(section!.name), {
          code: 'ERR_NOT_IMPLEMENTED',
          message: `${start}this version has no function that attaches to ${attachesTo}`,
        })
        break
      case 'call':
        t.like(refusalOf(section!.name), {
          code: 'ERR_NO_TARGET',
          message: `${start}${bySection.reason}${call === undefined ? '' : `: call ${call}`}`,
        })
        break
      case 'attach':
        if (bySection.needs.length > 0) {
          const { code, message } = refusalOf(section!.name)
          t.is(code, 'ERR_NO_TARGET')
          t.true(message.startsWith(`${start}it needs a`), message)
          t.true(
            message.endsWith(`: give attach() the option ${bySection.needs[0]}, or call ${call}`),
            message,
          )
        } else if (section!.takesTarget) {
          t.like(refusalOf(section!.name), {
            code: 'ERR_NO_TARGET',
            message: `${start}the section name "${section!.name}" names no target`,
          })
        } else t.pass()
    }
  })
}

test('programs without a section, or with an unknown one, are refused with the reason', t => {
  t.like(refusalOf('nothing/known'), {
    code: 'ERR_NO_TARGET',
    message: 'Cannot attach program p by its section name: the section name "nothing/known" names no hook',
  })
  t.like(attachBySection({ name: 'p' } as Program), {
    reason: { message: 'Cannot attach program p by its section name: it has no section name' },
  })
})

test('targets that a hook does not take are typed errors, with what the section should say', t => {
  for (const [sectionName, reason] of [
    ['tp/sched', '"sched" is not CATEGORY/NAME'],
    ['kprobe/vfs_read+x', '"x" is not an offset'],
    ['uprobe/malloc', '"malloc" is not PATH:FUNCTION'],
    ['uprobe.multi/libc.so.6', '"libc.so.6" is not PATH:PATTERN'],
  ]) {
    t.throws(() => attachBySection(programOf(sectionName!)), {
      instanceOf: BpfError,
      code: 'ERR_INVALID_SPEC',
      message: `Cannot attach program p by its section name: ${reason}`,
    })
  }
  t.throws(() => attachBySection(programOf('cgroup/skb'), { cgroup: '/' }), {
    code: 'ERR_INVALID_SPEC',
    message: /: the section name does not say which hook of the cgroup$/,
  })
})
