/**
 * JSON Schema, as far as the schema of speedscope uses it.
 *
 * @module
 */

/** A schema: keywords that are not known here are an error, so that nothing is passed over. */
export type Schema = Readonly<Record<string, unknown>>

const KNOWN = new Set([
  '$ref',
  '$schema',
  'anyOf',
  'const',
  'definitions',
  'enum',
  'items',
  'properties',
  'required',
  'title',
  'type',
])

/** What in a value is not as its schema says, with the path to it. */
export function schemaProblems(value: unknown, schema: Schema, root: Schema = schema, path = '$'): string[] {
  const unknown = Object.keys(schema).filter(keyword => !KNOWN.has(keyword))
  if (unknown.length > 0) throw new Error(`Unknown keywords: ${unknown.join(', ')}`)
  const inner = (each: unknown, of: unknown, at: string): string[] =>
    schemaProblems(each, of as Schema, root, at)
  const problems: string[] = []
  const { $ref, anyOf, enum: members, items, properties, required, type } = schema
  if (typeof $ref === 'string') {
    const definition = (root.definitions as Record<string, Schema>)[$ref.replace('#/definitions/', '')]
    if (definition === undefined) throw new Error(`No definition ${$ref}`)
    problems.push(...inner(value, definition, path))
  }
  if (Array.isArray(anyOf)) {
    const each = anyOf.map(one => inner(value, one, path))
    if (each.every(found => found.length > 0)) problems.push(...each.flat())
  }
  if ('const' in schema && value !== schema.const) problems.push(`${path} is not ${String(schema.const)}`)
  if (Array.isArray(members) && !members.includes(value))
    problems.push(`${path} is not one of ${members.join(', ')}`)
  if (typeof type === 'string' && typeOf(value) !== type) problems.push(`${path} is not of type ${type}`)
  if (Array.isArray(value) && items !== undefined)
    for (const [i, item] of value.entries()) problems.push(...inner(item, items, `${path}[${i}]`))
  if (typeOf(value) === 'object') {
    const object = value as Record<string, unknown>
    for (const name of (required ?? []) as string[])
      if (!(name in object)) problems.push(`${path} has no ${name}`)
    for (const [name, of] of Object.entries((properties ?? {}) as object))
      if (name in object) problems.push(...inner(object[name], of, `${path}.${name}`))
  }
  return problems
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
