/** Comments on composed pictures. */
export { COMMENTERS, commentsOn } from "./grammar.js";
