/**
 * Where code of the caller runs while programs are attached.
 *
 * @module
 */

import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import type { Feature } from '../../../src/kernel/probes/probe.ts'
import { type CgroupOptions, cgroup } from '../../../src/links/hooks/cgroup/cgroup.ts'
import { uprobeMulti } from '../../../src/links/hooks/user-probes/uprobe-multi.ts'
import type { Link, ProgramHandle } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'
import { UprobeCounter } from '../links/uprobe-counter.ts'
import { makeUprobeTarget } from '../links/uprobe-target.ts'
import { cgroup2Path, type Requirement } from '../requirements.ts'
import { ownName } from '../stale.ts'
import { type Hook, type Place, withGetter } from './user-code.ts'

const HOOK = 'cgroup_inet_sock_create'

/** A program, and a control group to attach it to. */
function cgroupPlace(
  attach: (program: Program, hook: Hook, path: string) => Link,
): () => Place & { readonly program: Program; readonly path: string } {
  return () => {
    const path = join(cgroup2Path()!, ownName())
    mkdirSync(path)
    const instructions = [mov(r0, 1), exit()]
    const program = Program.load({
      name: 'allow',
      type: 'cgroup_sock',
      expectedAttachType: HOOK,
      instructions,
      license: 'GPL',
    })
    return {
      program,
      path,
      run: hook => attach(program, hook, path).close(),
      use: () => cgroup(program, path, HOOK).close(),
      close: () => program.close(),
      after: () => cgroup(program, path, HOOK).close(),
      end: () => {
        program.close()
        rmdirSync(path)
      },
    }
  }
}

/** A handle that is asked for its descriptor when it is used, with a getter that runs the hook. */
function handleOf(program: Program, name: 'fd' | 'name' | 'spec', hook: Hook): ProgramHandle {
  const handle = {
    name: program.name,
    spec: program.spec,
    get fd(): number {
      return program.fd
    },
  }
  return Object.defineProperty(handle, name, {
    get: () => {
      hook()
      return program[name]
    },
  })
}

function ofOptions(name: keyof CgroupOptions): () => Place {
  return cgroupPlace((program, hook, path) =>
    cgroup(program, path, HOOK, withGetter<CgroupOptions>({ [name]: undefined }, name, hook)),
  )
}

function ofHandle(name: 'fd' | 'name' | 'spec'): () => Place {
  return cgroupPlace((program, hook, path) => cgroup(handleOf(program, name, hook), path, HOOK))
}

/** Updates a link, which the code of the caller uses or closes. */
function updatePlace(update: (link: Link, program: Program, hook: Hook) => void): () => Place {
  return () => {
    const { program, path, end } = cgroupPlace((each, _, to) => cgroup(each, to, HOOK))()
    const link = cgroup(program, path, HOOK)
    return {
      run: hook => update(link, program, hook),
      use: () => link.update(program),
      close: () => link.close(),
      after: () => link.update(program),
      end: () => {
        link.close()
        end?.()
      },
    }
  }
}

/** Attaches to what matches a regular expression with a getter. */
function patternPlace(name: 'source' | 'flags'): () => Place {
  return () => {
    const target = makeUprobeTarget()
    const counter = new UprobeCounter({ attachType: 'trace_uprobe_multi' })
    const { program } = counter
    const attach = (pattern: RegExp): void => uprobeMulti(program, target.path, { pattern }).close()
    return {
      run: hook => attach(expressionWith(name, hook)),
      use: () => attach(/beta/),
      close: () => program.close(),
      after: () => attach(/alpha/),
      end: () => {
        counter[Symbol.dispose]()
        target[Symbol.dispose]()
      },
    }
  }
}

function expressionWith(name: 'source' | 'flags', hook: Hook): RegExp {
  const plain = /alpha/
  const value = plain[name]
  return Object.defineProperty(plain, name, {
    get: () => {
      hook()
      return value
    },
  })
}

/** By call and code, as the table of the guide has them. */
export const placesOfLinks: Readonly<Record<string, readonly (() => Place)[]>> = {
  'cgroup, and every other hook: getters of the options, fd, name and spec of the program': [
    ofOptions('anchor'),
    ofOptions('preorder'),
    ofOptions('expectedRevision'),
    ofHandle('fd'),
    ofHandle('name'),
    ofHandle('spec'),
  ],
  'uprobeMulti, kprobeMulti: the elements of symbols and cookies': [
    () => {
      const target = makeUprobeTarget()
      const counter = new UprobeCounter({ attachType: 'trace_uprobe_multi' })
      const { program } = counter
      const attach = (symbols: readonly string[], cookies: readonly bigint[]): void =>
        uprobeMulti(program, target.path, { symbols, cookies }).close()
      return {
        run: hook => attach(['alpha'], withElement(1n, hook)),
        use: () => attach(['beta'], [2n]),
        close: () => program.close(),
        after: () => attach(['alpha'], [1n]),
        end: () => {
          counter[Symbol.dispose]()
          target[Symbol.dispose]()
        },
      }
    },
  ],
  'uprobeMulti, kprobeMulti, fentryMulti: source and flags of the pattern': [
    patternPlace('source'),
    patternPlace('flags'),
  ],
  'link.update: fd of the program, getters of the options': [
    updatePlace((link, program, hook) => link.update(handleOf(program, 'fd', hook))),
    updatePlace((link, program, hook) =>
      link.update(program, withGetter({ expected: program }, 'expected', hook)),
    ),
  ],
}

/** What rows need besides ring buffers. */
export const needsOfLinks: Readonly<Record<string, readonly (Feature | Requirement)[]>> = {
  'cgroup, and every other hook: getters of the options, fd, name and spec of the program': ['cgroup2'],
  'uprobeMulti, kprobeMulti: the elements of symbols and cookies': [features.uprobeMulti],
  'uprobeMulti, kprobeMulti, fentryMulti: source and flags of the pattern': [features.uprobeMulti],
  'link.update: fd of the program, getters of the options': ['cgroup2'],
}

/** A list whose only element runs the hook. */
function withElement<T>(value: T, hook: Hook): readonly T[] {
  return Object.defineProperty([value], 0, {
    get: () => {
      hook()
      return value
    },
  })
}
