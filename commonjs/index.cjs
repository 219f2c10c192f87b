/**
 * For `require("roc4mllm")`: what `import` gives. Node before 20.19 and 22.12 cannot require ES modules; there it is what
 * scoring needs, loaded on the first call, and the rest comes by `await import("roc4mllm")`.
 */
"use strict";
const { join } = require("node:path");

/** @param {string} name of an asynchronous function */
function later(name) {
  return async (...args) => (await import("../dist/src/index.js"))[name](...args);
}

function library() {
  try {
    return require("../dist/src/index.js");
  } catch (error) {
    if (error.code !== "ERR_REQUIRE_ESM") throw error;
    return {
      DEMO_MODEL: join(__dirname, "../models/demo"),
      load: later("load"),
      decodeImage: later("decodeImage"),
      isRocError: (error) => error instanceof Error && error.name === "RocError",
    };
  }
}

module.exports = library();
