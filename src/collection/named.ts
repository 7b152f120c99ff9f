/**
 * Things by name.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import { suggestion } from '../base/nearest.ts'

/**
 * A `Map` by name whose `get` throws for an unknown name, with the name that is most like it and the known ones.
 *
 * @typeParam T the things
 * @typeParam N their names, where they are known at compile time
 */
export class Named<T, N extends string = string> extends Map<N, T> {
  readonly #what: string

  /**
   * @param what one of the things, in words: `'map'`
   * @param entries names and things; that the names are those of the type is not checked
   */
  constructor(what: string, entries: Iterable<readonly [string, T]> = []) {
    super()
    this.#what = what
    for (const [name, value] of entries) this.set(name as N, value)
  }

  /**
   * The thing with a name.
   *
   * @throws BpfError `ERR_NO_SUCH_NAME` when no thing has it; `has` answers without throwing
   */
  override get(name: N): T {
    const value = super.get(name)
    if (value !== undefined) return value
    const names = [...this.keys()]
    const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
    const known =
      names.length === 0 ? 'the list is empty' : `known: ${names.slice(0, SHOWN).join(', ')}${more}`
    const like = suggestion(name, names)
    throw new BpfError(
      `No such ${this.#what} ${JSON.stringify(name)}${like}${like === '' ? '; ' : ' '}${known}`,
      {
        code: 'ERR_NO_SUCH_NAME',
      },
    )
  }

  /** Whether a thing has this name. Takes any text, also where the names are known at compile time. */
  override has(name: string): boolean {
    return super.has(name as N)
  }
}

const SHOWN = 20

/**
 * Things by name, each with a type of its own.
 *
 * @typeParam M the types by name: `{ events: BpfMap<never, never>; counts: BpfMap<number, bigint> }`
 */
export type NamedTypes<M extends object> = {
  /** The thing with a name; as `Named.get`. */
  get<N extends keyof M & string>(name: N): M[N]
} & Named<M[keyof M & string], keyof M & string>
