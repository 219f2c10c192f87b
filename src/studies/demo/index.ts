/** The demo weights, trained from nothing on the synthetic studio. */
export { makeDemo, type DemoOptions } from "./make.js";
export type { DemoReport } from "./card.js";
