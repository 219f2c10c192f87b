/** Small pictures for buttons, drawn in the colour of the text. */
import type { JSX } from "preact";

const PATHS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  forward: "M9 5l7 7-7 7",
  close: "M6 6l12 12M18 6L6 18",
  filter: "M4 6h16M7 12h10M10 18h4",
  compare: "M4 5h7v14H4zM13 5h7v14h-7z",
  panel: "M4 5h16v14H4zM15 5v14",
  keys: "M4 7h16v10H4zM8 11h.01M12 11h.01M16 11h.01M9 14h6",
  undo: "M9 7L5 11l4 4M5 11h9a5 5 0 010 10h-2",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  pick: "M5 12.5l4.5 4.5L19 7.5",
  reject: "M7 7l10 10M17 7L7 17",
  pin: "M12 4a5 5 0 015 5c0 4-5 11-5 11S7 13 7 9a5 5 0 015-5z",
  zoom: "M11 5a6 6 0 110 12 6 6 0 010-12zM15.5 15.5L20 20M11 8.5v5M8.5 11h5",
  heat: "M12 3c1 4 5 6 5 10a5 5 0 01-10 0c0-2 1-3 2-4 .5 1.5 1 2 2 2.500C11.500 8 10.500 6 12 3z",
  stack: "M4 9h12v11H4zM8 9V5h12v11h-4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A button with a picture and, where there is room, its name. */
export function IconButton(props: {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  /** Whether the name is written beside it. */
  readonly named?: boolean;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  /** The key that does the same. */
  readonly hotkey?: string;
  readonly kind?: "primary";
}): JSX.Element {
  const { icon, label, onClick, named = false, pressed, disabled = false, hotkey, kind } = props;
  return (
    <button
      type="button"
      class={`button ${kind ?? ""} ${named ? "named" : "bare"}`}
      onClick={onClick}
      disabled={disabled}
      aria-label={label}
      title={hotkey ? `${label} (${hotkey})` : label}
      {...(pressed !== undefined && { "aria-pressed": pressed })}
    >
      <Icon name={icon} />
      {named && <span aria-hidden="true">{label}</span>}
    </button>
  );
}
