/** Starts the page that scores photos in the browser. */
import { render } from "preact";
import "../styles/app.css";
import "./alone.css";
import { Alone } from "./Alone.js";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<Alone />, root);
}
