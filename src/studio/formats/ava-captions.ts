import { AVA_CAPTIONS_FILE } from "../../data/ava-captions.js";
import { commentsOn } from "../comments/index.js";
import { drawParts, type Picture, type StudioPictures } from "../pictures.js";
import { avaFormat } from "./ava.js";
import { plainImages, type LabelFiles, type StudioFormat } from "./types.js";

/** Probability of the validation part among non-test pictures. */
const VALIDATION = 0.05;
/** The folder of AVA's own files, where the adapter looks for them. */
const AVA_FOLDER = "AVA";
const WORDS = { train: "train", validation: "val", test: "test" } as const;

/**
 * AVA-Captions: the official JSON file, with AVA's label files in `AVA/`. As officially, its parts are drawn independently
 * of AVA's, so that the adapter leaves some pictures out.
 */
export const avaCaptionsFormat: StudioFormat = {
  owns: [AVA_CAPTIONS_FILE, AVA_FOLDER, "images"],
  imagesOf: plainImages,
  labels: (studio) => {
    const ava = Object.entries(avaFormat.labels(studio)).map(([path, text]) => [`${AVA_FOLDER}/${path}`, text]);
    return { ...(Object.fromEntries(ava) as LabelFiles), [AVA_CAPTIONS_FILE]: captions(studio) };
  },
};

function captions(studio: StudioPictures): string {
  const parts = drawParts(studio.options, VALIDATION, "captions");
  const images = studio.pictures.map((picture) => {
    const split = WORDS[parts[picture.index] ?? "train"];
    return JSON.stringify({ filename: `${picture.id}.jpg`, split, sentences: sentencesOn(picture, studio) });
  });
  return `{"dataset": "AVA", "images": [\n${images.join(",\n")}\n]}\n`;
}

function sentencesOn({ composition }: Picture, { raters }: StudioPictures): object[] {
  return commentsOn(composition, raters).map((raw) => {
    const clean = cleaned(raw);
    return { raw, clean, tokens: clean.split(" ") };
  });
}

/** A comment, cleaned as in the official file: lower case, no punctuation. */
function cleaned(comment: string): string {
  return (comment.toLowerCase().match(/[a-z']+/g) ?? []).join(" ");
}
