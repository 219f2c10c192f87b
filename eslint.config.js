/** What the compiler does not see. Formatting is prettier's; types are checked here only where a rule needs them. */
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/** What Node gives to a script (typescript-eslint's rules leave undefined names in .ts files to the compiler). */
const NODE_GLOBALS = ["process", "console", "URL", "setTimeout", "clearTimeout", "setInterval", "clearInterval"];

export default defineConfig(
  {
    ignores: [
      ...["dist/", "dist-*/", "build/", ".libtorch/", ".cache/", "runs/", "models/"],
      ...["test/fixtures/", "src/torch/generated/"],
    ],
  },
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": [
        "error",
        // node:test waits for its tests itself.
        {
          allowForKnownSafeCalls: [
            { from: "package", name: ["test", "it", "describe", "suite"], package: "node:test" },
          ],
        },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowArray: true },
      ],
      // What a block disposes of at its end, and its catch, come before a promise that it returns has settled.
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
      // An interface may ask for a promise where there is nothing to wait for.
      "@typescript-eslint/require-await": "off",
      eqeqeq: "error",
      "no-console": "error",
      "prefer-const": "error",
    },
  },
  {
    // What the rules of .dependency-cruiser.mjs cannot see.
    files: ["src/**/*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "ImportExpression[source.type!='Literal']", message: "Name the module in a plain string." },
      ],
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/torch/native.ts", "src/image/native.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        { property: "dlopen", message: "Only src/torch and src/image load an addon." },
      ],
    },
  },
  {
    // Programs that print for a person.
    files: ["bench/**/*.ts", "examples/**/*.ts"],
    rules: { "no-console": "off" },
  },
  {
    files: ["**/*.mjs", "**/*.js"],
    extends: [tseslint.configs.recommended],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, "readonly"])) },
    rules: { eqeqeq: "error", "no-undef": "error" },
  },
);
