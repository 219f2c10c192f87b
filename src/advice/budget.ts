/** Scorings of a photo: what is asked for by default, and what is needed to try each kind of edit and check the best. */
export const DEFAULT_BUDGET = 90;
export const LEAST_BUDGET = 60;
