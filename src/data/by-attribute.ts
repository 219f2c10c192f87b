/** A data set whose score is one of its attributes: what a system of one score is trained on, and evaluated, for it. */
import { attributeScale, type LoadedDataset, type Sample } from "./types.js";

const BETWEEN = ", ";

/** @returns the pictures that have the attribute, with its rating in the place of the score, and called after both */
export function ratedByAttribute(data: LoadedDataset, name: string): LoadedDataset {
  const { attributeScales: _, votesApart: __, ...rest } = data;
  const all = data.rated ?? [...data.samples, ...data.missing];
  const byAttribute = new Map(all.flatMap((sample) => ratedBy(sample, name)));
  const kept = (samples: readonly Sample[]): Sample[] => samples.flatMap((sample) => byAttribute.get(sample) ?? []);
  const lost = all.length - byAttribute.size;
  return {
    ...rest,
    ...{ name: `${data.name}${BETWEEN}${name}`, scale: attributeScale(data, name) },
    ...{ samples: kept(data.samples), missing: kept(data.missing), rated: kept(all) },
    notes: lost > 0 ? [...data.notes, `Left out, without a rating of ${name}: ${lost}.`] : data.notes,
  };
}

/** None where the picture lacks it; what was voted is of the score, and is left out. */
function ratedBy(sample: Sample, name: string): [Sample, Sample][] {
  const { score: _, std: __, votes: ___, attributes = {}, attributeStds = {}, ...rest } = sample;
  const [score, std] = [attributes[name], attributeStds[name]];
  return score === undefined ? [] : [[sample, { ...rest, score, ...(std !== undefined && { std }) }]];
}

/** The data set's own name, and the attribute where {@link ratedByAttribute} made it. */
export function datasetNamed(name: string): { readonly dataset: string; readonly attribute?: string } {
  const [dataset = "", attribute] = name.split(BETWEEN);
  return attribute === undefined ? { dataset } : { dataset, attribute };
}
