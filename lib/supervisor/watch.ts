// A tree that runs, until its script ends or it is saved and gone: its checkpoints, and what Slurm's SIGTERM means to it.
import type { Ending } from '../job.ts';
import { messages } from '../messages.ts';
import { signalScript, type Tree } from '../run/tree.ts';
import type { Outcome } from '../saving/checkpoint.ts';
import type { Afterwards } from '../saving/circumstances.ts';
import type { Harmed } from '../saving/dump-tree.ts';
import { firstPace, nextPace, reasonFor, type Pace, type Past } from '../saving/pace.ts';
import { saving } from '../saving/saving.ts';
import { firstInterval, fitsLastCall, nextCheckpoint, shareOf, type Due, type Plan } from '../saving/schedule.ts';
import { now, turn, type Turn } from '../saving/turn.ts';
import type { Fate } from '../slurm/record.ts';
import { killWait } from '../slurm/scontrol.ts';
import { isRunning, memoryOfTree } from '../system/proc.ts';
import { formatTime } from '../time.ts';
import type { Begun } from './begin.ts';
import { limitOf } from './limit.ts';
import { sigtermMeans } from './sigterm.ts';
import type { Late, Story } from './story.ts';

type Running = Extract<Begun, { kind: 'running' }>;

export async function watch(
  { tree, cost, past }: Running,
  story: Story,
): Promise<Ending | 'saved' | 'superseded' | Harmed | Late> {
  const { signals, lease } = story;
  lease.guard(tree.pid);
  signals.forwardTo((signal) => signalScript(tree, signal));
  const save = saving(tree, story);
  let known = { pace: paceOf(past, story), cost };
  let interval = firstInterval(known.pace.interval, story.job.id);
  await warnOfLongInterval({ first: interval, regular: known.pace.interval }, story);
  for (let since = now(); ;) {
    const plan = { interval, cost: known.cost, share: shareOf(story.job.id) };
    const due = await nextDue(since, plan, story);
    using mine = turn(due, story.agent);
    const next = await whatNext(tree, mine, story);
    if (typeof next === 'object' || next === 'superseded') return next;
    if (next === 'signalled') continue; // sent by a preemption, it has a new limit
    const moment = { secondsSinceLast: now() - since, pace: known.pace };
    if (next === 'terminated') {
      mine[Symbol.dispose](); // a last call waits for nobody
      const meaning = await sigtermMeans(story).catch(() => 'over' as const);
      const isLastCall = lease.isValid() && (meaning === 'runs-again' || meaning === 'timed-out');
      const last = isLastCall && (await hasTime(tree, known.cost, story)) && (await save('ends', moment));
      if (last && leavesTree(last)) return left(last);
      if (!(await goesOnAnyway(meaning, story))) signalScript(tree, 'SIGTERM');
      if (meaning !== 'goes-on') return await Promise.race([tree.ended, lease.superseded]);
      signals.dealtWith();
    } else if (due.because === 'interval' || (await nextDue(since, plan, story)).at <= now()) {
      // Not if the limit has been raised since.
      if ((await Promise.race([lease.settled(), tree.ended])) === 'superseded') return 'superseded';
      const outcome = await save(afterwards(due, story), moment);
      if (leavesTree(outcome)) return left(outcome);
      if (!isRunning(tree.pid)) return tree.ended; // it came to its own end meanwhile
      if (outcome.kind === 'snapshot') known = after(outcome, known.pace, story);
      since = now();
      interval = known.pace.interval;
    }
  }
}

const whatNext = async ({ ended }: Tree, { comes }: Turn, { signals, lease, claimed }: Story) =>
  Promise.race([
    ended,
    comes,
    signals.termination(),
    signals.another(),
    lease.superseded,
    ...(claimed ? [claimed] : []),
  ]);

/** In another run, from its newest checkpoint: then it is to be as if this run had been cut off there, and not ended (§5). */
const goesOnAnyway = async (meaning: Fate, { store, isProtected }: Story): Promise<boolean> =>
  isProtected &&
  (meaning === 'runs-again' || meaning === 'timed-out') &&
  (await store.generations().then(
    (generations) => generations.length > 0,
    () => true,
  ));

/** It has ended, or is to end. */
type Leaving = Extract<Outcome, { kind: 'saved' | 'harmed' }>;
const leavesTree = (outcome: Outcome): outcome is Leaving => outcome.kind === 'saved' || outcome.kind === 'harmed';
const left = (outcome: Leaving): 'saved' | Harmed => (outcome.kind === 'saved' ? 'saved' : outcome);

/** Near its time limit the job has to go on in another run. */
const afterwards = ({ because }: Due, { options }: Story): Afterwards =>
  options.mode === 'snapshot' && because === 'interval' ? 'runs-on' : 'ends';

const after = (outcome: Extract<Outcome, { kind: 'snapshot' }>, pace: Pace, story: Story) => ({
  pace: paceAfter(pace, outcome.frozenSeconds, story),
  cost: outcome.seconds,
});

function paceOf(past: Past | undefined, story: Story): Pace {
  const before = past?.pace ?? firstPace(story.options, story.site);
  return past ? paceAfter(before, past.cost, story) : before;
}

/** Says so where it changes. @param cost seconds that one more checkpoint cost the job */
function paceAfter(before: Pace, cost: number, { options, site, intervalSeconds, say }: Story): Pace {
  const pace = nextPace(before, cost, options, site);
  if (intervalSeconds !== undefined && options.auto === true && pace.interval !== before.interval)
    say(messages.paced(pace.interval, reasonFor(pace, site)));
  return pace;
}

async function nextDue(since: number, pace: Omit<Plan, 'since' | 'limit'>, story: Story): Promise<Due> {
  if (story.intervalSeconds === undefined) return { at: Infinity, because: 'interval', latest: Infinity };
  const limit = await limitOf(story.job);
  return nextCheckpoint({ since, ...pace, ...(limit && { limit }) });
}

type Intervals = { readonly first: number; readonly regular: number };

async function warnOfLongInterval({ first, regular }: Intervals, story: Story): Promise<void> {
  const limit = story.intervalSeconds === undefined || story.job.restarts > 0 ? undefined : await limitOf(story.job);
  if (!limit || first < limit.endsAt - limit.startedAt) return;
  story.say(messages.longInterval(formatTime(regular), formatTime(limit.endsAt - limit.startedAt)));
}

/** Whether a checkpoint would be complete before Slurm kills the tree. */
async function hasTime(
  tree: Tree,
  cost: number | undefined,
  { job, agent, intervalSeconds, say }: Story,
): Promise<boolean> {
  if (!agent || intervalSeconds === undefined) return false;
  const fits = fitsLastCall(await killWait(job).catch(() => 0), cost, memoryOfTree(tree.pid));
  say(fits ? messages.lastCall() : messages.noLastCall());
  return fits;
}
