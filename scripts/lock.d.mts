/** What the program uses of lock.mjs. */

/** The owner of a lock. */
export interface LockOwner {
  readonly host: string;
  readonly pid: number;
}

/** A lock that is held. */
export interface Lock {
  /** Gives the lock up; a second call does nothing. */
  release(): Promise<void>;
}

export interface LockWait {
  readonly signal?: AbortSignal | undefined;
  /** Called once, with the owner, where the lock has to be waited for. */
  readonly onWait?: (owner: LockOwner) => void;
}

export declare function withLock<T>(file: string, options: LockWait, work: () => Promise<T>): Promise<T>;
export declare function tryLock(file: string): Promise<Lock | LockOwner>;
export declare function ownerOf(file: string): Promise<LockOwner | undefined>;
