/** Starts the page. */
import { render } from "preact";
import "./styles/app.css";
import { watchServer } from "./state/server.js";
import { followAddress, guardRatings } from "./state/address.js";
import { openLibrary } from "./state/library.js";
import { App } from "./view/App.js";

const root = document.getElementById("app");
if (root) render(<App />, root);
void openLibrary().then(followAddress());
guardRatings();
void watchServer();
