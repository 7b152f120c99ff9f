/**
 * XML, read strictly: whether a picture is one.
 *
 * @module
 */

/** An element of a document. */
export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  /** Text in it, that of inner elements included. */
  text: string
  readonly children: Element[]
}

const MARKUP = /<\/([\w:-]+)>|<([\w:-]+)((?: [\w:-]+="[^"<]*")*)( ?\/)?>/y
const NOT_ALLOWED = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

/**
 * Reads a document.
 *
 * @throws Error when it is not well-formed XML 1.0, or has what a picture does not need
 */
export function parseXml(text: string): Element {
  const wrong = NOT_ALLOWED.exec(text)
  if (wrong !== null) throw new Error(`Character ${wrong[0].codePointAt(0)!.toString(16)} at ${wrong.index}`)
  const root: Element = { name: '', attributes: {}, text: '', children: [] }
  const open = [root]
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('<', at)
    const content = decode(text.slice(at, next < 0 ? text.length : next))
    for (const each of open) each.text += content
    if (next < 0) break
    MARKUP.lastIndex = next
    const found = MARKUP.exec(text)
    if (found === null) throw new Error(`No tag at ${next}: ${text.slice(next, next + 60)}`)
    const [tag, end, name, attributes = '', empty] = found
    at = next + tag.length
    if (end !== undefined) {
      if (open.pop()?.name !== end) throw new Error(`</${end}> ends nothing at ${next}`)
    } else {
      const pairs = [...attributes.matchAll(/ ([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [
        key!,
        decode(value!),
      ])
      const element: Element = { name: name!, attributes: Object.fromEntries(pairs), text: '', children: [] }
      if (Object.keys(element.attributes).length !== pairs.length)
        throw new Error(`An attribute twice at ${next}`)
      open.at(-1)!.children.push(element)
      if (empty === undefined) open.push(element)
    }
  }
  if (open.length !== 1) throw new Error(`<${open.at(-1)!.name}> has no end`)
  if (root.children.length !== 1) throw new Error(`${root.children.length} roots`)
  return root.children[0]!
}

/** The elements of a name, at any depth. */
export function elements(root: Element, name: string): Element[] {
  return [...(root.name === name ? [root] : []), ...root.children.flatMap(child => elements(child, name))]
}

function decode(text: string): string {
  return text.replace(/&(?:#(\d+);)?/g, (whole, code) => {
    if (code === undefined) throw new Error(`& without a number: ${whole}`)
    return String.fromCodePoint(Number(code))
  })
}
