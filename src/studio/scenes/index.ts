import type { SceneName } from "../factors.js";
import { abstract } from "./abstract.js";
import { architecture } from "./architecture.js";
import { landscape } from "./landscape.js";
import { portrait } from "./portrait.js";
import type { Scene } from "./stage.js";
import { stillLife } from "./still-life.js";

export const SCENES: Readonly<Record<SceneName, Scene>> = {
  landscape,
  "still-life": stillLife,
  portrait,
  architecture,
  abstract,
};
