// A job that can't go on here because of this node goes on elsewhere: requeued without this node, but not for ever.
//
// Only a pending job's exclusions can be changed. So they are set right after the requeue, while this process is still there; and
// what the job's owner had excluded is put back at the next move of the job, or when it is held.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import { messages } from '../messages.ts';
import { exclude, hasNodeBesides, holdPending, namesIn, placesOf, type Places } from '../slurm/places.ts';
import { killWait, requeue } from '../slurm/scontrol.ts';
import type { Tries } from '../store/tries.ts';
import { keptBy, type Objection } from './objections.ts';
import type { Story } from './story.ts';

/** Where tries are counted: the store of a run that has passed the gate; else what Slurm has excluded by then. */
export type Counted = 'in-store' | 'by-slurm';

/** `stays`: with a reason, and what was tried, for its owner to read. */
type Sent = { readonly kind: 'sent' } | { readonly kind: 'stays'; readonly reason: string };

export async function sendElsewhere(objection: Objection, story: Story, counted: Counted): Promise<Sent> {
  const { job, store, mostTries: most, say } = story;
  const { reason } = objection;
  const kept = keptBy(objection, store);
  try {
    const places = await placesOf(job);
    if (places.restarts !== job.restarts || !places.mayRequeue) return stays(reason);
    const before = counted === 'in-store' ? await store.tries() : undefined;
    const tried = before?.nodes ?? (counted === 'in-store' ? [] : await namesIn(places.excluded, job));
    const withTries = (counted === 'in-store' ? messages.triedBefore : messages.excludedByNow)(reason, tried);
    if (tried.length >= most) return stays(withTries);
    const next = nextTry(before, places.excluded, job.node);
    // Of a running job Slurm names but the partition where it runs: there may be more nodes than that has.
    const isKnown = await hasNodeBesides(job, next.ours, places);
    if (places.required !== '' || (!isKnown && counted === 'by-slurm'))
      return stays(messages.noOtherNode(withTries, places.required));
    if (counted === 'in-store') await store.countTry(next); // what is not counted could go on for ever
    const now = { count: tried.length + 1, most };
    say(messages.elsewhere(job.node, reason, { ...(isKnown && now), job: job.id, kept }));
    const asked = await requeue(job);
    if (asked.kind === 'failed') return stays(withTries);
    if (!isKnown && !(await isLeft(job, next.ours))) await holdRequeued(places, kept, story);
    else {
      if (!isKnown) say(messages.anotherNode(now));
      await without(next.ours, places, story, counted);
    }
    return { kind: 'sent' };
  } catch (error) {
    return stays(`${reason}; and no other node could be tried (${reasonOf(error)})`);
  }
}

/** Of a job that has been requeued: nobody else asks any more, so what can't be told is tried. */
const isLeft = async (job: Job, excluded: string): Promise<boolean> =>
  placesOf(job)
    .then(async (places) => hasNodeBesides(job, excluded, places))
    .catch(() => true);

const stays = (reason: string): Sent => ({ kind: 'stays', reason });

/** The next one to be written down. @param excluded as Slurm has it now */
export function nextTry(before: Tries | undefined, excluded: string, node: string): Tries {
  // What isn't as we have set it is the owner's: they changed it, or Slurm has refused ours.
  const owners = before && before.ours === excluded ? before.owners : excluded;
  const nodes = [...(before?.nodes ?? []), node];
  return { nodes, owners, ours: [owners, ...new Set(nodes)].filter(Boolean).join(',') };
}

async function holdRequeued({ name }: Places, kept: string | undefined, story: Story): Promise<void> {
  const { job, say } = story;
  await settled(story);
  const refused = await untilTaken(job, async () => holdPending(job, name));
  if (refused === undefined) say(messages.noneLeft(kept));
  else say(messages.notHeldPending(refused));
  await putBackExclusions(story);
}

async function without(nodes: string, places: Places, story: Story, counted: Counted): Promise<void> {
  const { job, say } = story;
  const refused = await untilTaken(job, async () => exclude(job, places.name, nodes));
  if (counted === 'by-slurm' && refused === undefined) say(messages.staysExcluded(places.name));
  if (refused === undefined) return;
  say(messages.notExcluded(job.node, refused, counted === 'by-slurm'));
  // Nobody else has counted this try.
  if (counted === 'by-slurm') await holdPending(job, places.name);
}

/** It runs again: the next node that fails is the first. Its owner's exclusions wait for its next move. */
export async function settled({ store }: Pick<Story, 'store'>): Promise<void> {
  const tries = await store.tries().catch(() => undefined);
  if (tries && tries.nodes.length > 0) await store.countTry({ ...tries, nodes: [] }).catch(() => {});
}

/** Of a job that has been requeued, or is held. What can't be done now is done at its next move. */
export async function putBackExclusions({ job, store }: { job: Job; store: Story['store'] }): Promise<void> {
  try {
    const tries = await store.tries();
    if (!tries) return;
    const { name, excluded } = await placesOf(job);
    const refused = excluded === tries.ours && (await untilTaken(job, async () => exclude(job, name, tries.owners)));
    if (refused === undefined || refused === false) await store.forgetTries();
  } catch {
    // at its next move
  }
}

const PAUSE_MS = 500;
/** Slurm's own default. */
const KILL_WAIT = 30;
/** Before it kills this process, KillWait after the requeue, somebody is to hear why. */
const WORDS_SECONDS = 5;

/**
 * slurmctld refuses now and then while the last run is not quite over ("Resource temporarily unavailable", "Operation not
 * supported"; seen with 24.11). @returns why it refused to the last
 */
async function untilTaken(job: Job, ask: () => ReturnType<typeof exclude>): Promise<string | undefined> {
  const began = Date.now();
  let asked = await ask();
  if (asked.kind === 'done') return undefined;
  const seconds = (await killWait(job).catch(() => KILL_WAIT)) - WORDS_SECONDS;
  while (Date.now() < began + seconds * 1000) {
    await sleep(PAUSE_MS);
    asked = await ask();
    if (asked.kind === 'done') return undefined;
  }
  return asked.reason;
}
