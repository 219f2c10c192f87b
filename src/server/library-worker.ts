/** The thread that reads the library. */
import { workerData } from "node:worker_threads";
import { Catalog, type Judge } from "../library/catalog.js";
import { BurstSearch } from "../library/culling/bursts.js";
import type { Connection } from "../library/connection.js";
import { isWritten, openBeside } from "../library/open.js";
import { rateFile } from "../library/rate.js";
import { countAnswers, enterAnswer, takeAnswerBack } from "../library/taste/answers.js";
import { choosePair } from "../library/taste/choose.js";
import { learnInFile } from "../library/taste/on-call.js";
import { Random } from "../random.js";
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
  const judgeOf = (name: string | undefined, taste?: string): Judge | undefined => {
    if (name !== undefined) return library.judgeNamed(name);
    return taste === undefined ? library.latestJudge() : library.judgeNamed(String(library.tasteNamed(taste).judge));
  };
  switch (question.kind) {
    case "photos": {
      const query = { ...question.query, judge: judgeOf(question.judge, question.query.taste) };
      const total = query.after === undefined ? library.count(query) : undefined;
      return { ...library.photos(query), judge: query.judge, total };
    }
    case "photo":
      return library.photo(question.id, judgeOf(question.judge, question.taste), question.taste);
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
    case "tastes":
      return { tastes: library.tastes(), answers: countAnswers(await writing(library.file)) };
    case "taste": {
      const taste = library.tasteNamed(question.name);
      return { ...taste, of: library.judges().find(({ id }) => id === taste.judge) };
    }
    case "learn":
      return learnInFile(library.file, question.name, { from: question.from, judge: question.judge });
    case "pair": {
      const judge = judgeOf(question.judge);
      const connection = await writing(library.file);
      const found = judge && choosePair(connection, judge.id, new Random(Date.now(), "pair"));
      const photos = (found ?? []).flatMap(({ file }) => library.photo(file, judge) ?? []);
      return { photos, answers: countAnswers(connection) };
    }
    case "answer": {
      const connection = await writing(library.file);
      return { id: enterAnswer(connection, question.better, question.worse), answers: countAnswers(connection) };
    }
    case "unanswer": {
      const connection = await writing(library.file);
      const id = takeAnswerBack(connection, question.id) ? question.id : undefined;
      return { id, answers: countAnswers(connection) };
    }
  }
}

answerQuestions(answer);
