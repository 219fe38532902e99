// Every fault, in one file: vitest runs what one file holds side by side.
import './processes.ts';
import './starts.ts';
import './first-moments.ts';
import './damages.ts';
import './verified.ts';
import './stores.ts';
import './networks.ts';
import './power.ts';
import './comes-back.ts';
import './cut-off.ts';
import './daemons.ts';
import './twins.ts';
import './over.ts';
import './requeue-lost.ts';
import '../scenarios/leftovers.ts'; // last: waits for all of the above
