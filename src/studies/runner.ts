/** The one runner of studies: many jobs in their order, by several workers at a time, without those that are finished. */
import { RocError } from "../errors.js";

/** A piece of a study's work, which resumes where it was stopped. */
export interface Job {
  /** Unique in its study. */
  readonly name: string;
}

/** Does one job after another. */
export interface JobWorker<J extends Job, Progress> {
  /** @throws RocError ABORTED on the signal that the worker was made with, with the job's state written */
  run(job: J, onProgress: (progress: Progress) => void): Promise<void>;
  end(): void;
}

/** The jobs of a study. */
export interface Jobs<J extends Job, Progress> {
  /** Those of a phase start when all of the phase before are done. */
  readonly phases: readonly (readonly J[])[];
  /** Called for every job before any starts. */
  readonly isFinished: (job: J) => Promise<boolean>;
  /** Makes a worker, which stops on the signal. */
  readonly worker: (signal: AbortSignal) => JobWorker<J, Progress>;
  /** Jobs that are done side by side, at most. Default 1. */
  readonly workers?: number;
  /** Called before each job starts; after `false`, no other starts. */
  readonly mayBegin?: () => boolean;
}

/**
 * What is reported of many jobs, told apart by `type`: `plan` at first, then `begin`, `progress` and `done` of each job, and
 * `budget` where no other may start.
 *
 * @category Studies
 */
export type JobEvent<Progress> = JobsPlanned | JobBegun | JobProgress<Progress> | JobDone | JobsEnded;

/**
 * What is to be done.
 *
 * @category Studies
 */
export interface JobsPlanned {
  /** Tells the events apart. */
  readonly type: "plan";
  /** Number of jobs. */
  readonly jobs: number;
  /** Those of them that were finished before. */
  readonly finished: number;
}

/**
 * A job starts or resumes.
 *
 * @category Studies
 */
export interface JobBegun {
  /** Tells the events apart. */
  readonly type: "begin";
  /** Its name. */
  readonly job: string;
}

/**
 * A job reports something.
 *
 * @category Studies
 */
export interface JobProgress<Progress> {
  /** Tells the events apart. */
  readonly type: "progress";
  /** Its name. */
  readonly job: string;
  /** What it reports. */
  readonly event: Progress;
}

/**
 * A job is done.
 *
 * @category Studies
 */
export interface JobDone {
  /** Tells the events apart. */
  readonly type: "done";
  /** Its name. */
  readonly job: string;
  /** How long it took. */
  readonly seconds: number;
  /** Jobs that are not done yet. */
  readonly left: number;
  /** On the clock, as long as those took that are done. */
  readonly secondsLeft: number;
}

/**
 * No other job may start.
 *
 * @category Studies
 */
export interface JobsEnded {
  /** Tells the events apart. */
  readonly type: "budget";
  /** Jobs that are not done. */
  readonly left: number;
}

/**
 * Pictures are composed.
 *
 * @category Studies
 */
export interface ComposeProgress {
  /** Tells the events apart. */
  readonly type: "compose";
  /** Pictures that are there. */
  readonly done: number;
  /** All of them. */
  readonly total: number;
}

export interface RunOptions<Progress> {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: JobEvent<Progress>) => void) | undefined;
}

/**
 * Does what is not finished. Stopped anywhere, even by a kill, the same call resumes.
 *
 * @throws the error of the first job that failed, after the others have written their state; RocError ABORTED on the signal
 */
export async function runJobs<J extends Job, Progress>(
  jobs: Jobs<J, Progress>,
  { signal, onEvent = () => undefined }: RunOptions<Progress> = {},
): Promise<void> {
  const { isFinished, workers = 1 } = jobs;
  const phases: J[][] = [];
  for (const phase of jobs.phases) {
    const open: J[] = [];
    for (const job of phase) if (!(await isFinished(job))) open.push(job);
    phases.push(open);
  }
  const [total, open] = [jobs.phases.flat().length, phases.flat().length];
  onEvent({ type: "plan", jobs: total, finished: total - open });
  const counts = { left: open, done: 0, seconds: 0 };
  const onDone = ({ name }: J, seconds: number): void => {
    counts.left--;
    counts.done++;
    counts.seconds += seconds;
    const secondsLeft = (counts.left * counts.seconds) / counts.done / workers;
    onEvent({ type: "done", job: name, seconds, left: counts.left, secondsLeft });
  };
  for (const phase of phases) {
    const isWhole = await runPhase(phase, jobs, { signal, onEvent, onDone });
    if (!isWhole) return onEvent({ type: "budget", left: counts.left });
  }
}

interface PhaseOptions<J, Progress> {
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: JobEvent<Progress>) => void;
  readonly onDone: (job: J, seconds: number) => void;
}

/** @returns whether every job was started */
async function runPhase<J extends Job, Progress>(
  jobs: readonly J[],
  { worker: startWorker, workers = 1, mayBegin = () => true }: Jobs<J, Progress>,
  { signal, onEvent, onDone }: PhaseOptions<J, Progress>,
): Promise<boolean> {
  const left = [...jobs];
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const serve = async (): Promise<void> => {
    const worker = startWorker(either);
    try {
      while (left.length > 0 && !either.aborted && mayBegin()) {
        const job = left.shift() as J;
        const started = performance.now();
        onEvent({ type: "begin", job: job.name });
        await worker.run(job, (event) => onEvent({ type: "progress", job: job.name, event }));
        onDone(job, (performance.now() - started) / 1000);
      }
    } catch (error) {
      stop.abort();
      throw error;
    } finally {
      worker.end();
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(workers, left.length) }, serve));
  const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as Error] : []));
  // Those that were stopped for another's sake come last.
  const isStop = (error: Error): boolean => error instanceof RocError && error.code === "ABORTED";
  const [error] = [...errors.filter((one) => !isStop(one)), ...errors.filter(isStop)];
  if (error !== undefined) throw error;
  if (signal?.aborted) throw new RocError("ABORTED", "Stopped. The same command resumes from there.");
  return left.length === 0;
}
