/** An XMP packet (ISO 16684-1) as a tree in which single properties are read and set; all else in it stays as it is. */
import { DOMParser, MIME_TYPE, NAMESPACE, XMLSerializer, type Document, type Element } from "@xmldom/xmldom";
import { beginning, messageOf, RocError } from "../errors.js";

const RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/** A simple property by its namespace, the prefix that it usually has, and its name. */
export interface Property {
  readonly uri: string;
  readonly prefix: string;
  readonly name: string;
}

const EMPTY = `<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="roc4mllm">
 <rdf:RDF xmlns:rdf="${RDF}">
  <rdf:Description rdf:about=""/>
 </rdf:RDF>
</x:xmpmeta>
`;

/** Bytes of U+FEFF, which some programs begin a file with. */
const MARK = "\ufeff";

export class Packet {
  readonly #document: Document;
  readonly #rdf: Element;
  /** What a tree does not hold: a mark at the start, the space at the end, the kind of line breaks. */
  readonly #mark: string;
  readonly #end: string;
  readonly #newline: string;
  readonly #text: string;
  #changed = false;

  private constructor(text: string, document: Document, rdf: Element) {
    this.#text = text;
    this.#document = document;
    this.#rdf = rdf;
    this.#mark = text.startsWith(MARK) ? MARK : "";
    this.#end = /\s*$/.exec(text)?.[0] ?? "";
    this.#newline = text.includes("\r\n") ? "\r\n" : "\n";
  }

  /** One without properties. */
  static empty(): Packet {
    return Packet.parse(EMPTY, "new sidecar");
  }

  /**
   * @param what what messages call the packet: a file
   * @throws RocError DATA_INVALID for what is no XMP
   */
  static read(bytes: Uint8Array, what: string): Packet {
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw broken(what, "it is not UTF-8", cause);
    }
    return Packet.parse(text, what);
  }

  static parse(text: string, what: string): Packet {
    if (text.trim() === "") throw broken(what, "it is empty");
    const document = documentOf(text, what);
    const found = [...document.getElementsByTagNameNS(RDF, "RDF")];
    const [rdf] = found;
    if (!rdf) throw broken(what, "it holds no rdf:RDF");
    if (found.length > 1) throw broken(what, "it holds more than one rdf:RDF");
    return new Packet(text, document, rdf);
  }

  /** The text of a simple property; undefined where it has none. */
  get(property: Property): string | undefined {
    const [first] = this.#places(property);
    return first?.get();
  }

  /** Sets a simple property where it stands, or adds it; undefined takes it away. */
  set(property: Property, value: string | undefined): void {
    const [first, ...others] = this.#places(property);
    if (first?.get() === value && others.length === 0) return;
    this.#changed = true;
    for (const other of others) other.remove();
    if (value === undefined) first?.remove();
    else if (first) first.set(value);
    else this.#add(property, value);
  }

  /** The file: as it was, to the byte, where nothing has changed. */
  bytes(): Uint8Array {
    if (!this.#changed) return Buffer.from(this.#text);
    const text = new XMLSerializer().serializeToString(this.#document).trimEnd() + this.#end.replaceAll("\r\n", "\n");
    const whole = text.startsWith(MARK) ? text : this.#mark + text;
    return Buffer.from(this.#newline === "\n" ? whole : whole.replaceAll("\n", this.#newline));
  }

  #descriptions(): Element[] {
    return elementsOf(this.#rdf).filter((child) => isNamed(child, RDF, "Description"));
  }

  /** Where the packet has a property: as an attribute, or as an element. */
  #places({ uri, name }: Property): Place[] {
    return this.#descriptions().flatMap((description) => [
      ...(description.hasAttributeNS(uri, name) ? [attributePlace(description, uri, name)] : []),
      ...elementsOf(description)
        .filter((child) => isNamed(child, uri, name))
        .map(elementPlace),
    ]);
  }

  #add(property: Property, value: string): void {
    const target = this.#descriptions()[0] ?? this.#newDescription();
    const prefix = target.lookupPrefix(property.uri) || declared(target, property);
    target.setAttributeNS(property.uri, `${prefix}:${property.name}`, value);
  }

  #newDescription(): Element {
    const prefix = this.#rdf.lookupPrefix(RDF);
    const made = this.#document.createElementNS(RDF, prefix ? `${prefix}:Description` : "Description");
    if (prefix) made.setAttributeNS(RDF, `${prefix}:about`, "");
    this.#rdf.appendChild(made);
    return made;
  }
}

/** The place of one value in the tree. */
interface Place {
  get(): string;
  set(value: string): void;
  remove(): void;
}

function attributePlace(description: Element, uri: string, name: string): Place {
  const qualified = description.getAttributeNodeNS(uri, name)?.nodeName ?? name;
  return {
    get: () => description.getAttributeNS(uri, name) ?? "",
    set: (value) => description.setAttributeNS(uri, qualified, value),
    remove: () => description.removeAttributeNS(uri, name),
  };
}

/** `<xmp:Rating>3</xmp:Rating>`; a value with qualifiers is in an `rdf:value` within. */
function elementPlace(element: Element): Place {
  const inner = [...element.getElementsByTagNameNS(RDF, "value")][0] ?? element;
  return {
    get: () => (element.getAttributeNS(RDF, "value") ?? inner.textContent ?? "").trim(),
    set: (value) => {
      if (element.hasAttributeNS(RDF, "value")) attributePlace(element, RDF, "value").set(value);
      else inner.textContent = value;
    },
    remove: () => void element.parentNode?.removeChild(element),
  };
}

function elementsOf(parent: Element): Element[] {
  return [...parent.childNodes].filter((node): node is Element => node.nodeType === node.ELEMENT_NODE);
}

function isNamed(element: Element, uri: string, name: string): boolean {
  return element.namespaceURI === uri && element.localName === name;
}

/** Declares the property's namespace, by a prefix that means nothing else there. */
function declared(target: Element, { uri, prefix }: Property): string {
  let free = prefix;
  for (let i = 1; target.lookupNamespaceURI(free) !== null; i++) free = `${prefix}${i}`;
  target.setAttributeNS(NAMESPACE.XMLNS, `xmlns:${free}`, uri);
  return free;
}

function documentOf(text: string, what: string): Document {
  // No sidecar has one; its entities could stand for gigabytes.
  if (/<!DOCTYPE/i.test(text)) throw broken(what, "it has a DOCTYPE, which XMP does not allow");
  let fault: string | undefined;
  // Whatever a parser would guess about is no XML.
  const onError = (_level: string, message: string): void => {
    fault ??= message;
    throw new Error(message);
  };
  try {
    const parser = new DOMParser({ onError });
    return parser.parseFromString(text.startsWith(MARK) ? text.slice(1) : text, MIME_TYPE.XML_TEXT);
  } catch (cause) {
    throw broken(what, beginning((fault ?? messageOf(cause)).replaceAll(/\s+/g, " "), 200), cause);
  }
}

function broken(what: string, why: string, cause?: unknown): RocError {
  const remedy = "it stays as it is; repair it, or move it away so that a new one can be written";
  return new RocError("DATA_INVALID", `${what}: no XMP that can be read: ${why}; ${remedy}`, { cause });
}
