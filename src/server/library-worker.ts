/** The thread that reads the library. */
import { workerData } from "node:worker_threads";
import { Catalog, type Judge } from "../library/catalog.js";
import { BurstSearch } from "../library/culling/bursts.js";
import type { Connection } from "../library/connection.js";
import { isWritten, openBeside } from "../library/open.js";
import { rateFile } from "../library/rate.js";
import type { LibraryAnswers, LibraryQuestion } from "./library.js";
import { answerQuestions } from "./thread-side.js";

let opened: Promise<Catalog> | undefined;
let search: BurstSearch | undefined;
/** Opened with the first rating. */
let writer: Promise<Connection> | undefined;

/** Opened with the first question that finds it there. */
function catalog(): Promise<Catalog> {
  const opening = (opened ??= Catalog.open(String(workerData)));
  opening.catch(() => (opened = undefined));
  return opening;
}

function writing(file: string): Promise<Connection> {
  const opening = (writer ??= openBeside(file));
  opening.catch(() => (writer = undefined));
  return opening;
}

async function answer(question: LibraryQuestion): Promise<LibraryAnswers[keyof LibraryAnswers]> {
  const library = await catalog();
  const judgeOf = (name: string | undefined): Judge | undefined =>
    name === undefined ? library.latestJudge() : library.judgeNamed(name);
  switch (question.kind) {
    case "photos": {
      const query = { ...question.query, judge: judgeOf(question.judge) };
      const total = query.after === undefined ? library.count(query) : undefined;
      return { ...library.photos(query), judge: query.judge, total };
    }
    case "photo":
      return library.photo(question.id, judgeOf(question.judge));
    case "percentiles": {
      const judge = library.judgeNamed(String(question.judge));
      return question.scores.map((score) => library.percentile(score, judge));
    }
    case "judges":
      return library.judges();
    case "scan": {
      const scan = library.latestScan();
      return scan && { ...scan, running: scan.ended === null && (await isWritten(library.file)) };
    }
    case "bursts":
      return (search ??= new BurstSearch(library)).found(judgeOf(question.judge));
    case "rate":
      return rateFile(await writing(library.file), question.id, question.rating);
  }
}

answerQuestions(answer);
