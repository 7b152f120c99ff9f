/**
 * Names of maps in messages.
 *
 * @module
 */

import type { MapFacts } from './handle.ts'

/** Name of a map in messages: `'map counters'`; maps may have none. */
export function describeMap(facts: Pick<MapFacts, 'name' | 'type'>): string {
  return facts.name === '' ? `${facts.type} map` : `map ${facts.name}`
}
