/** The weights that are in the package. */
import { fileURLToPath } from "node:url";

/**
 * Folder of the demo weights: `load(DEMO_MODEL)`. They show that everything works and know nothing of real photographs.
 * (Compiled files are in dist/src/engine/.)
 *
 * @category Scoring
 */
export const DEMO_MODEL = fileURLToPath(new URL("../../../models/demo", import.meta.url));
