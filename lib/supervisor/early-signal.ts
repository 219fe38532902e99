import { close, url } from 'node:inspector';

/**
 * Node opens its debugger, a door to its user's account, at a SIGUSR1 that nobody listens for. So the supervisor listens before all else. One
 * that comes even earlier, when Node has started but none of our code runs, opens it for moments; but nobody gets in without its secret
 * name, which batch-task.sh has Node tell to its own stderr only.
 */
let came = process.env['CHECKPOINTER_EARLY'] === 'yes';

const note = (): void => {
  came = true;
};

export function listenEarly(): void {
  process.on('SIGUSR1', note);
  closeDebugger();
}

/** Whether a SIGUSR1 has come so far, which is the script's. From now on somebody else listens. */
export function earlySignal(): boolean {
  process.off('SIGUSR1', note);
  closeDebugger();
  return came;
}

/** An open debugger tells that one has come. */
function closeDebugger(): void {
  if (url() === undefined) return;
  came = true;
  close();
}
