/** A photo that fits its frame, or is looked at closely: by wheel, by drag, by two fingers, by double click. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { app, FIT, type Zoom } from "../state/app.js";
import type { Photo } from "../state/photo.js";
import { useStore } from "../state/store.js";
import { Heat, type Box } from "./Heat.js";
import { px } from "./numbers.js";

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Place {
  readonly scale: number;
  readonly left: number;
  readonly top: number;
}

/** Screen pixels of the browser per pixel of a photo at 100%. */
const ACTUAL = 1 / window.devicePixelRatio;
const [SMALLEST, LARGEST] = [0.02, 16];

/** Where a photo lies in a frame. A side that fits is centred, one that does not covers the frame. */
function placeOf(zoom: Zoom, frame: Size, photo: Size): Place {
  const fit = Math.min(frame.width / photo.width, frame.height / photo.height) || 1;
  const scale = zoom.scale ?? fit;
  const along = (share: number, room: number, length: number): number =>
    length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, room / 2 - share * length));
  return {
    scale,
    left: along(zoom.x, frame.width, photo.width * scale),
    top: along(zoom.y, frame.height, photo.height * scale),
  };
}

/** Turns between all of it and 100%. */
export function toggleZoom(x = 0.5, y = 0.5): void {
  const { zoom } = app.state;
  app.set({ zoom: zoom.scale === undefined ? { scale: ACTUAL, x, y } : FIT });
}

/** Moves what is in the middle by shares of the photo. */
export function pan(x: number, y: number): void {
  const { zoom } = app.state;
  const inside = (share: number): number => Math.min(1, Math.max(0, share));
  app.set({ zoom: { ...zoom, x: inside(zoom.x + x), y: inside(zoom.y + y) } });
}

/** The gestures of a frame. */
function useGestures(frame: () => HTMLElement | null, natural: () => Size | undefined): void {
  useLayoutEffect(() => {
    const element = frame();
    if (!element) return;
    const fingers = new Map<number, PointerEvent>();
    const current = (): { place: Place; photo: Size } | undefined => {
      const photo = natural();
      return (
        photo && {
          photo,
          place: placeOf(app.state.zoom, { width: element.clientWidth, height: element.clientHeight }, photo),
        }
      );
    };
    const zoomAt = (factor: number, clientX: number, clientY: number): void => {
      const now = current();
      if (!now) return;
      const { left, top, width, height } = element.getBoundingClientRect();
      const scale = Math.min(LARGEST, Math.max(SMALLEST, now.place.scale * factor));
      const fit = Math.min(width / now.photo.width, height / now.photo.height);
      if (scale <= fit) return app.set({ zoom: FIT });
      // What is under the pointer stays there.
      const middle = (at: number, offset: number, room: number, length: number): number =>
        ((at - offset) / now.place.scale - (at - room / 2) / scale) / length;
      const x = middle(clientX - left, now.place.left, width, now.photo.width);
      const y = middle(clientY - top, now.place.top, height, now.photo.height);
      app.set({ zoom: { scale, x, y } });
      pan(0, 0);
    };
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      zoomAt(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.002)), event.clientX, event.clientY);
    };
    const onDown = (event: PointerEvent): void => {
      fingers.set(event.pointerId, event);
      element.setPointerCapture(event.pointerId);
    };
    const onMove = (event: PointerEvent): void => {
      const before = fingers.get(event.pointerId);
      const now = current();
      if (!before || !now) return;
      fingers.set(event.pointerId, event);
      const other = [...fingers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
      if (other) {
        const distance = (finger: PointerEvent): number =>
          Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY) || 1;
        return zoomAt(
          distance(event) / distance(before),
          (event.clientX + other.clientX) / 2,
          (event.clientY + other.clientY) / 2,
        );
      }
      const per = now.place.scale;
      if (app.state.zoom.scale === undefined) return;
      pan(
        (before.clientX - event.clientX) / per / now.photo.width,
        (before.clientY - event.clientY) / per / now.photo.height,
      );
    };
    const onUp = (event: PointerEvent): void => void fingers.delete(event.pointerId);
    const onDouble = (event: MouseEvent): void => {
      const now = current();
      if (!now) return;
      const { left, top } = element.getBoundingClientRect();
      const share = (at: number, offset: number, length: number): number => (at - offset) / now.place.scale / length;
      toggleZoom(
        share(event.clientX - left, now.place.left, now.photo.width),
        share(event.clientY - top, now.place.top, now.photo.height),
      );
    };
    const gone = new AbortController();
    const options = { signal: gone.signal };
    element.addEventListener("wheel", onWheel, { ...options, passive: false });
    element.addEventListener("pointerdown", onDown, options);
    element.addEventListener("pointermove", onMove, options);
    element.addEventListener("pointerup", onUp, options);
    element.addEventListener("pointercancel", onUp, options);
    element.addEventListener("dblclick", onDouble, options);
    return () => gone.abort();
  }, []);
}

/** Why a photo is not seen. */
function unseen({ failure, score }: Photo): string {
  if (failure) return "This photo cannot be shown.";
  return score
    ? "This browser cannot show the photo. It is scored all the same."
    : "This browser cannot show the photo. It may be scored all the same.";
}

/** @param props.heated whether what moves the score lies over it */
export function Zoomable({ photo, heated = false }: { photo: Photo; heated?: boolean }): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const natural = useRef<Size | undefined>(undefined);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [loaded, setLoaded] = useState<{ key: string; size: Size } | undefined>(undefined);
  const [broken, setBroken] = useState<string | undefined>(undefined);
  const zoom = useStore(app, (state) => state.zoom);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const { width, height } = photo;
  const full = loaded?.key === photo.key ? loaded.size : width && height ? { width, height } : undefined;
  natural.current = full;
  useGestures(
    () => frame.current,
    () => natural.current,
  );
  const address = broken === photo.key ? undefined : (photo.image ?? photo.thumbnail);
  const place = full && size.width > 0 ? placeOf(zoom, size, full) : undefined;
  return (
    <div ref={frame} class={`zoomable ${zoom.scale === undefined ? "" : "near"} ${heated ? "heated" : ""}`}>
      {address === undefined ? (
        <p class="cannot">{photo.viewable === false || broken === photo.key ? unseen(photo) : "Opening …"}</p>
      ) : (
        <img
          key={photo.key}
          src={address}
          alt={photo.name}
          draggable={false}
          onError={() => setBroken(photo.key)}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
            setLoaded({ key: photo.key, size: { width: naturalWidth, height: naturalHeight } })
          }
          style={
            place && full
              ? {
                  ...boxOf(full, place),
                  backgroundImage: photo.thumbnail ? `url("${photo.thumbnail}")` : "none",
                  imageRendering: place.scale > 3 * ACTUAL ? "pixelated" : "auto",
                }
              : { visibility: "hidden" }
          }
        />
      )}
      {heated && full && place && <Heat photo={photo} style={boxOf(full, place)} />}
    </div>
  );
}

function boxOf({ width, height }: Size, { scale, left, top }: Place): Box {
  return { width: px(width * scale), height: px(height * scale), transform: `translate(${left}px, ${top}px)` };
}
