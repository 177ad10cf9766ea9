/** Says what runs and how long it took; the lab's terminal output implements it. */
export interface Reporter {
  /**
   * Runs one step under a title.
   * @param title what the step does, as a person would say it
   * @param run the step; `progress` replaces the line about where it is
   * @returns what `run` returns
   */
  phase<T>(title: string, run: (progress: (line: string) => void) => Promise<T>): Promise<T>;
}

/** Says how far a step has come. */
export type Progress = (line: string) => void;
