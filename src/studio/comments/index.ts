/** Comments on composed pictures. */
export { commentsOn } from "./grammar.js";
