/** Items by what they have in common. */

/** The items of each key, keys in the order of their first items, items in their own. */
export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Those that belong to a set, by its name. */
export function groupBySet<T extends { readonly set?: string | undefined }>(items: readonly T[]): Map<string, T[]> {
  return groupBy(
    items.filter((item): item is T & { readonly set: string } => item.set !== undefined),
    ({ set }) => set,
  );
}
