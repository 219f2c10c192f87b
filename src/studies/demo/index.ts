/** The demo weights, trained from nothing on the synthetic studio. */
export { makeDemo } from "./train-demo.js";
