/** Imported first by every script: an old Node gets a sentence and not a syntax error. */
const NEEDED = [20, 9];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  process.stderr.write(
    `roc4mllm needs Node ${NEEDED.join(".")} or later; this is ${process.version} (${process.execPath}).\n` +
      "Install a current one (https://nodejs.org) or choose it with your version manager, then run the command again.\n",
  );
  process.exit(5);
}
