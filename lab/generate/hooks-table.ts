/**
 * The table of hooks in docs/links.md.
 *
 * @module
 */

import { compareReleases } from '../../src/abi/since.ts'
import type { HookDefinition } from '../../src/links/hooks/definition.ts'
import { hooks } from '../../src/links/hooks/registry.ts'
import { type Hook, type SectionDefinition, sectionDefinitions } from '../../src/programs/sections.ts'

/** Section names with a common beginning are shown one by one up to this number. */
const MOST_NAMES = 4
const SLEEPABLE = '.s'

const COLUMNS = [
  'what programs attach to',
  'function',
  '`SEC()` names',
  'program type',
  'attach type',
  'link',
  'first Linux',
] as const

/** The table, a row for each hook, in the order of the registry. */
export function hooksTable(): string {
  const rows = (Object.entries(hooks) as [Hook, HookDefinition][]).map(([name, hook]) => [
    hook.attachesTo,
    hook.call === undefined ? '' : `\`${hook.call}\``,
    sectionNames(name, hook.target).join(', ') + sectionNote(hook),
    enumeratorsOf(name, ({ type }) => type),
    enumeratorsOf(name, ({ attachType }) => attachType),
    hook.linkType === undefined ? '' : `\`${hook.linkType}\``,
    releases(hook),
  ])
  return [COLUMNS, COLUMNS.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** The names of a hook's sections, without the sleepable ones beside others; many that begin alike as one. */
function sectionNames(hook: Hook, target: string | undefined): string[] {
  const own = sectionDefinitions.filter(each => each.hook === hook)
  const names = new Set(own.map(({ name }) => name))
  const shown = own.filter(
    ({ name }) => !(name.endsWith(SLEEPABLE) && names.has(name.slice(0, -SLEEPABLE.length))),
  )
  return [...grouped(shown, ({ name }) => name.split('/')[0]!)].flatMap(([begin, group]) =>
    group.length > MOST_NAMES
      ? [`\`${begin}/…\``]
      : group.map(each => `\`${each.name}${suffix(each, target)}\``),
  )
}

/** Things by how they begin, in their order. */
function grouped<T>(things: readonly T[], beginOf: (thing: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const each of things) {
    const begin = beginOf(each)
    groups.set(begin, [...(groups.get(begin) ?? []), each])
  }
  return groups
}

/** What the programs of a hook are loaded as, each once; many that begin alike as one. */
function enumeratorsOf(hook: Hook, of: (definition: SectionDefinition) => string | undefined): string {
  const own = sectionDefinitions.filter(each => each.hook === hook).flatMap(each => of(each) ?? [])
  const groups = grouped([...new Set(own)], each => each.split('_')[0]!)
  return [...groups]
    .flatMap(([begin, group]) =>
      group.length > MOST_NAMES ? [`\`${begin}_…\``] : group.map(each => `\`${each}\``),
    )
    .join(', ')
}

function suffix({ takesTarget }: SectionDefinition, target: string | undefined): string {
  return takesTarget ? `/${target}` : ''
}

/** What `attach()` must be given besides, or that it is not how the hook is attached. */
function sectionNote({ bySection }: HookDefinition): string {
  switch (bySection.kind) {
    case 'not_implemented':
      return ' (not in this version)'
    case 'call':
      return ' (by hand)'
    case 'attach':
      return bySection.needs.length === 0 ? '' : ` with \`{ ${bySection.needs.join(', ')} }\``
  }
}

function releases({ since, sinceArm64, linkSince }: HookDefinition): string {
  const more = [
    ...(linkSince === undefined ? [] : [`as a link ${linkSince}`]),
    ...(sinceArm64 === undefined || compareReleases(sinceArm64, since) <= 0 ? [] : [`arm64 ${sinceArm64}`]),
  ]
  return [since, ...more].join('; ')
}
