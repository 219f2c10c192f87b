/** Names of the strategies; `strategy.ts` says what each is. */
/**
 * - `roc`: T_p stands in the text, the score is regressed from the T_s logits there (Eq. 5 and 6);
 * - `coupled`: a T_s stands in the text as the level and is regressed too (Eq. 3 and 4);
 * - `level`: one of five words stands in the text (Q-Align);
 * - `direct`: digits stand in the text.
 */
export const STRATEGY_NAMES = ["roc", "coupled", "level", "direct"] as const;
export type StrategyName = (typeof STRATEGY_NAMES)[number];
