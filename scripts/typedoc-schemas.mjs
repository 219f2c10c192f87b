/** A plugin of typedoc: a key of a schema has its `.describe()` as docstring, so that its meaning is said once. */
import { Comment, Converter, ReflectionKind } from "typedoc";
import ts from "typescript";

/** The text of the outermost `.describe()` in `z.string().describe("text").default("")`. */
function described(node) {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined;
  const { expression, name } = node.expression;
  const [text] = node.arguments;
  return name.text === "describe" && text && ts.isStringLiteralLike(text) ? text.text : described(expression);
}

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.comment || !reflection.kindOf(ReflectionKind.Property)) return;
    const [declaration] = context.getSymbolFromReflection(reflection)?.declarations ?? [];
    const text = declaration && ts.isPropertyAssignment(declaration) ? described(declaration.initializer) : undefined;
    if (text !== undefined) reflection.comment = new Comment([{ kind: "text", text }]);
  });
}
