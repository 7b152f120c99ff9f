/**
 * Reads the members of a struct into an object. Ring buffers are read by this, record by record.
 *
 * @module
 */

import type { Codec } from './codec.ts'

/** A member: its name, where it lies in the struct, and how it is read. */
export interface Member<T> {
  /** As a string of the source is, or a key of an object: any other is slow to set a property with. */
  readonly name: string
  /** Bytes from the start of the struct. */
  readonly offset: number
  readonly codec: Codec<T, never>
}

/** Reads the members of the struct at `offset`. */
export type ReadMembers<T> = (view: DataView, offset: number) => Record<string, T>

/**
 * Makes the function that reads a struct. It adds the members to an object in their order: all objects of one struct
 * then have the same hidden class.
 *
 * A loop over the members would be shorter, and take up to three times as long. V8 keeps for each place in the source
 * which property was set there and which function was called. In a loop these are others with each member, and every
 * time both must be searched for. Here every place has one member, of one struct, as long as a program reads no other
 * with as many members; V8 then puts the codecs' code in place of the calls. Where it does read others, it is right
 * all the same and not slower than a loop.
 *
 * One function that returns early, in place of eight, would have the same places for structs of any length: with a
 * second kind of struct, such as a nested one, it takes four times as long.
 *
 * @param members in the order that the object shall have; none may be called `__proto__`, which would set the prototype
 */
export function membersReader<T>(members: readonly Member<T>[]): ReadMembers<T> {
  const [a, b, c, d, e, f, g, h, ...others] = members
  if (a === undefined) return () => ({})
  if (b === undefined) {
    return (view, offset) => {
      const value: Record<string, T> = {}
      value[a.name] = a.codec.decode(view, offset + a.offset)
      return value
    }
  }
  if (c === undefined) {
    return (view, offset) => {
      const value: Record<string, T> = {}
      value[a.name] = a.codec.decode(view, offset + a.offset)
      value[b.name] = b.codec.decode(view, offset + b.offset)
      return value
    }
  }
  if (d === undefined) {
    return (view, offset) => {
      const value: Record<string, T> = {}
      value[a.name] = a.codec.decode(view, offset + a.offset)
      value[b.name] = b.codec.decode(view, offset + b.offset)
      value[c.name] = c.codec.decode(view, offset + c.offset)
      return value
    }
  }
  if (e === undefined) {
    return (view, offset) => {
      const value: Record<string, T> = {}
      value[a.name] = a.codec.decode(view, offset + a.offset)
      value[b.name] = b.codec.decode(view, offset + b.offset)
      value[c.name] = c.codec.decode(view, offset + c.offset)
      value[d.name] = d.codec.decode(view, offset + d.offset)
      return value
    }
  }
  if (f === undefined) {
    return (view, offset) => {
      const value: Record<string, T> = {}
      value[a.name] = a.codec.decode(view, offset + a.offset)
      value[b.name] = b.codec.decode(view, offset + b.offset)
      value[c.name] = c.codec.decode(view, offset + c.offset)
      value[d.name] = d.codec.decode(view, offset + d.offset)
      value[e.name] = e.codec.decode(view, offset + e.offset)
      return value
    }
  }
  if (g === undefined) {
    return (view, offset) => {
      const value: Record<string, T> = {}
      value[a.name] = a.codec.decode(view, offset + a.offset)
      value[b.name] = b.codec.decode(view, offset + b.offset)
      value[c.name] = c.codec.decode(view, offset + c.offset)
      value[d.name] = d.codec.decode(view, offset + d.offset)
      value[e.name] = e.codec.decode(view, offset + e.offset)
      value[f.name] = f.codec.decode(view, offset + f.offset)
      return value
    }
  }
  if (h === undefined) {
    return (view, offset) => {
      const value: Record<string, T> = {}
      value[a.name] = a.codec.decode(view, offset + a.offset)
      value[b.name] = b.codec.decode(view, offset + b.offset)
      value[c.name] = c.codec.decode(view, offset + c.offset)
      value[d.name] = d.codec.decode(view, offset + d.offset)
      value[e.name] = e.codec.decode(view, offset + e.offset)
      value[f.name] = f.codec.decode(view, offset + f.offset)
      value[g.name] = g.codec.decode(view, offset + g.offset)
      return value
    }
  }
  return (view, offset) => {
    const value: Record<string, T> = {}
    value[a.name] = a.codec.decode(view, offset + a.offset)
    value[b.name] = b.codec.decode(view, offset + b.offset)
    value[c.name] = c.codec.decode(view, offset + c.offset)
    value[d.name] = d.codec.decode(view, offset + d.offset)
    value[e.name] = e.codec.decode(view, offset + e.offset)
    value[f.name] = f.codec.decode(view, offset + f.offset)
    value[g.name] = g.codec.decode(view, offset + g.offset)
    value[h.name] = h.codec.decode(view, offset + h.offset)
    for (const each of others) value[each.name] = each.codec.decode(view, offset + each.offset)
    return value
  }
}
