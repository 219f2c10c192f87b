/** All photos, of which only those in sight are drawn. */
import {
  defaultRangeExtractor,
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualItem,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { app, countOf, select, visible } from "../state/app.js";
import { more } from "../state/shelf.js";
import type { Photo } from "../state/photo.js";
import { useStore } from "../state/store.js";
import { aspectOf, GAP, neighbour, rowAt, rowsOf, type Row } from "./layout.js";
import { px } from "./numbers.js";
import { Tile } from "./Tile.js";

/** Rows beyond the window that are drawn too. */
const OVERSCAN = 3;
/** Photos before the end at which more are fetched. */
const AHEAD = 400;

type Options = VirtualizerOptions<HTMLElement, HTMLElement>;

/** The rows to draw. The selected photo's is always among them, or the focus would be lost by scrolling. */
function useVirtual(
  rows: readonly Row[],
  scroller: () => HTMLElement | null,
  kept: number,
): Virtualizer<HTMLElement, HTMLElement> {
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0);
  const options: Options = {
    count: rows.length,
    getScrollElement: scroller,
    estimateSize: (i) => (rows[i]?.height ?? 0) + GAP,
    overscan: OVERSCAN,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    initialRect: { width: window.innerWidth, height: window.innerHeight },
    rangeExtractor: (range) => {
      const some = defaultRangeExtractor(range);
      return kept < 0 || kept >= range.count || some.includes(kept) ? some : [...some, kept].sort((a, b) => a - b);
    },
    onChange: () => draw(undefined),
  };
  const [virtualizer] = useState(() => new Virtualizer(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  useLayoutEffect(() => virtualizer.measure(), [virtualizer, rows]);
  return virtualizer;
}

function useWidth(element: () => HTMLElement | null): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const watched = element();
    if (!watched) return;
    const observer = new ResizeObserver(() => setWidth(watched.clientWidth));
    observer.observe(watched);
    setWidth(watched.clientWidth);
    return () => observer.disconnect();
  }, []);
  return width;
}

export function Grid(): JSX.Element {
  const photos = useStore(app, visible);
  const size = useStore(app, ({ size }) => size);
  const count = useStore(app, countOf);
  const selected = useStore(app, (state) => state.selected);
  const stacks = useStore(app, (state) => state.stacks);
  const open = useStore(app, (state) => state.open);
  const list = useRef<HTMLDivElement>(null);
  const scroller = (): HTMLElement | null => list.current?.closest<HTMLElement>("main") ?? null;
  const width = useWidth(() => list.current);
  const aspects = useMemo(() => photos.map(aspectOf), [photos]);
  const rows = useMemo(() => (width > 0 ? rowsOf(aspects, width, size) : []), [aspects, width, size]);
  const index = useMemo(() => photos.findIndex(({ key }) => key === selected), [photos, selected]);
  const virtual = useVirtual(rows, scroller, index < 0 ? -1 : rowAt(rows, index));
  useFocus(selected, list.current, () => {
    if (index >= 0) virtual.scrollToIndex(rowAt(rows, index), { align: "auto" });
  });
  useAnchor(scroller, photos, rows, virtual.scrollOffset ?? 0);
  const items = virtual.getVirtualItems();
  const last = rows[items.at(-1)?.index ?? 0]?.end ?? 0;
  useEffect(() => {
    if (last > photos.length - AHEAD) void more();
  }, [last, photos.length]);
  const stackedOf = ({ burst }: Photo): number | undefined =>
    stacks && burst && burst.id !== open ? burst.members : undefined;
  return (
    <div
      ref={list}
      class="grid"
      role="listbox"
      aria-label="Photos"
      tabIndex={index < 0 ? 0 : -1}
      style={{ height: px(virtual.getTotalSize()) }}
      onFocus={(event) => {
        if (event.target === event.currentTarget && index < 0) select(photos[0]?.key);
      }}
      onKeyDown={(event) => {
        const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (by === undefined || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        select(photos[neighbour(aspects, rows, Math.max(0, index), by)]?.key);
      }}
    >
      {items.flatMap((item) =>
        tilesOf(item, rows[item.index], photos, aspects, count, selected ?? photos[0]?.key, stackedOf),
      )}
    </div>
  );
}

/** Keeps what is in sight where it is when photos come in above it. */
function useAnchor(
  scroller: () => HTMLElement | null,
  photos: readonly Photo[],
  rows: readonly Row[],
  offset: number,
): void {
  const refreshed = useStore(app, (state) => state.refreshed);
  const anchor = useRef({ key: "", below: 0 });
  const topOf = (row: number): number => rows.slice(0, row).reduce((sum, { height }) => sum + height + GAP, 0);
  useLayoutEffect(() => {
    const row = rowAt(
      rows,
      photos.findIndex(({ key }) => key === anchor.current.key),
    );
    const element = scroller();
    if (element && element.scrollTop > 0 && photos.some(({ key }) => key === anchor.current.key))
      element.scrollTop = topOf(row) - anchor.current.below;
  }, [refreshed]);
  useLayoutEffect(() => {
    let [row, top] = [0, 0];
    while (row < rows.length - 1 && top + (rows[row]?.height ?? 0) < offset) top += (rows[row++]?.height ?? 0) + GAP;
    anchor.current = { key: photos[rows[row]?.start ?? 0]?.key ?? "", below: top - offset };
  });
}

function tilesOf(
  item: VirtualItem,
  row: Row | undefined,
  photos: readonly Photo[],
  aspects: readonly number[],
  count: number,
  selected: string | undefined,
  stackedOf: (photo: Photo) => number | undefined,
): JSX.Element[] {
  if (!row) return [];
  let left = 0;
  return photos.slice(row.start, row.end).map((photo, i) => {
    // The last one takes up what rounding leaves.
    const isLast = row.width !== undefined && row.start + i + 1 === row.end;
    const width = isLast ? (row.width ?? 0) - left : Math.round((aspects[row.start + i] ?? 1) * row.height);
    const place = { left, top: item.start, width, height: row.height };
    left += width + GAP;
    const position = { position: row.start + i + 1, count };
    return (
      <Tile
        key={photo.key}
        photo={photo}
        {...place}
        {...position}
        selected={photo.key === selected}
        stacked={stackedOf(photo)}
      />
    );
  });
}

/** Moves the focus with the selection, where the grid is what a person works in. */
function useFocus(selected: string | undefined, list: HTMLElement | null, scroll: () => void): void {
  useEffect(() => {
    const { activeElement } = document;
    const isHere = activeElement === document.body || (list?.contains(activeElement) ?? false);
    if (selected === undefined || app.state.view !== "grid" || !isHere) return;
    scroll();
    // What is scrolled to is drawn a moment later.
    requestAnimationFrame(() => {
      if (app.state.selected === selected) document.getElementById(`photo-${selected}`)?.focus({ preventScroll: true });
    });
  }, [selected]);
}
