/**
 * One of the items that each is joined with by pairs, directly or through others: the same for all of them.
 *
 * @param items in the order of the result
 */
export function components(items: Iterable<number>, pairs: Iterable<readonly [number, number]>): Map<number, number> {
  const root = new Map<number, number>();
  for (const item of items) root.set(item, item);
  const find = (item: number): number => {
    let at = item;
    while (root.get(at) !== at) at = root.get(at) as number;
    return at;
  };
  for (const [first, second] of pairs) root.set(find(second), find(first));
  return new Map([...root.keys()].map((item) => [item, find(item)]));
}
