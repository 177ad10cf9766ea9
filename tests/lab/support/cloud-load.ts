import { pause } from "./wait";

/** One request of a load. Times in milliseconds since 1970. */
export interface Sample {
  /** When it was sent. */
  begin: number;
  /** When it was answered, or had failed. */
  end: number;
  /** Kind of its failure: a status or an error's code. @default it went well */
  failure?: string;
  /** Whether its client sent it twice. @default false */
  repeated?: boolean;
}

/** Sends one request; rejects if it fails. */
export type Send = () => Promise<{ repeated: boolean } | undefined>;

/** Requests that are being sent. */
export interface Load {
  /** All that ended so far, in the order of their ends. */
  readonly samples: readonly Sample[];
  /** Sends no more, waits for those under way, and returns all. */
  stop(): Promise<readonly Sample[]>;
}

/** Kind of a failure, for a table: an error's code, or its first words. */
function kindOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? String(message).slice(0, 60);
}

async function sample(send: Send, into: Sample[]): Promise<void> {
  const begin = Date.now();
  const outcome = await send().then(
    (answer) => (answer?.repeated ? { repeated: true } : {}),
    (error: unknown) => ({ failure: kindOf(error) }),
  );
  into.push({ begin, end: Date.now(), ...outcome });
}

/** Sends requests at a fixed rate, whether or not earlier ones have been answered. */
export function atRate(perSecond: number, send: Send): Load {
  const samples: Sample[] = [];
  const underWay = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const one = sample(send, samples).finally(() => underWay.delete(one));
    underWay.add(one);
  }, 1000 / perSecond);
  return {
    samples,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      return samples;
    },
  };
}

/** One client after another's answer: `count` clients, each of which asks again as soon as it was answered. */
export function byClients(count: number, send: Send): Load {
  const samples: Sample[] = [];
  let going = true;
  const client = async (number: number): Promise<void> => {
    // Not all in the same moment.
    await pause(number * 20);
    while (going) {
      const before = samples.length;
      await sample(send, samples);
      // One that is refused at once does not ask a thousand times a second.
      if (samples.slice(before).some(({ failure }) => failure !== undefined)) await pause(100);
    }
  };
  const clients = Array.from({ length: count }, (_, number) => client(number));
  return {
    samples,
    stop: async () => {
      going = false;
      await Promise.all(clients);
      return samples;
    },
  };
}

/** Failures by kind, `{}` if there are none. */
export function failures(samples: readonly Sample[]): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { failure } of samples) {
    if (failure !== undefined) kinds[failure] = (kinds[failure] ?? 0) + 1;
  }
  return kinds;
}

/** What a fault did to a load. Times in seconds. */
export interface LoadFigures {
  /** Requests from the fault on. */
  requests: number;
  /** Those that failed, by kind. */
  failures: Record<string, number>;
  /** From the first failure to the last one; 0 without failures. */
  window: number;
  /** Median time of an answer before the fault. */
  baseline: number;
  /** Longest time of an answer from the fault on. */
  worst: number;
  /** From the fault until answers take as long as before, for good: 0 if they always did. */
  toBaseline: number;
}

/** How many answers in a row are taken together, and how much longer than before they may take. */
const windowLength = 20;
const tolerance = 1.5;

/**
 * Compares what came before a fault with what came after it.
 *
 * @param fault when it happened, in milliseconds since 1970
 */
export function loadFigures(samples: readonly Sample[], fault: number): LoadFigures {
  const ordered = [...samples].sort((left, right) => left.end - right.end);
  const seconds = ({ begin, end }: Sample): number => (end - begin) / 1000;
  const after = ordered.filter(({ end }) => end >= fault);
  const failed = after.filter(({ failure }) => failure !== undefined);
  const answered = after.filter(({ failure }) => failure === undefined);
  const baseline = median(
    ordered.filter(({ end, failure }) => end < fault && failure === undefined).map((one) => seconds(one)),
  );
  let slow = failed[failed.length - 1]?.end ?? fault;
  for (let index = 0; index + windowLength <= answered.length; index++) {
    const window = answered.slice(index, index + windowLength);
    if (median(window.map(seconds)) > baseline * tolerance) {
      slow = Math.max(slow, window[windowLength - 1]?.end ?? fault);
    }
  }
  return {
    requests: after.length,
    failures: failures(after),
    window: ((failed[failed.length - 1]?.end ?? 0) - (failed[0]?.end ?? 0)) / 1000,
    baseline,
    worst: Math.max(0, ...answered.map(seconds)),
    toBaseline: (slow - fault) / 1000,
  };
}

/** Median; 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Mean and standard deviation of a sample, as `2.8 ± 1.1`. */
export function meanAndDeviation(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return `${mean.toFixed(1)} ± ${Math.sqrt(squares / Math.max(1, values.length - 1)).toFixed(1)}`;
}
