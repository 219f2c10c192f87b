/** The library, page by page. */
export function more(): void {}
