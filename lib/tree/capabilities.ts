// What CRIU needs to dump a tree besides CAP_CHECKPOINT_RESTORE. A restore gets none of these: its images are the user's.
import { textOf } from '../system/proc.ts';
import { mayHaveLostItsName, type Process } from './processes.ts';

type Needed = 'dac_read_search' | 'sys_ptrace';

/**
 * CAP_DAC_READ_SEARCH: open_by_handle_at(2), by which CRIU finds the path that an inotify descriptor watches (restored by
 * that path; alloc_openable in its fsnotify.c), and linkat(2) with AT_EMPTY_PATH, by which it gives a removed file that has
 * another hard link a name to restore it by (create_link_remap in files-reg.c).
 * CAP_NET_ADMIN is never among them: TCP connections are refused (obstacles.ts).
 */
export function capabilitiesNeeded(processes: readonly Process[], ptraceScope: number): Needed[] {
  const searches = processes.some(
    ({ open, mapped }) =>
      open.some(
        ({ link, links }) => /^anon_inode:\[?(inotify|fanotify)/.test(link) || isLinkedElsewhere(link, links),
      ) || mapped.some(({ file, links }) => isLinkedElsewhere(file, links)),
  );
  return [...(searches ? (['dac_read_search'] as const) : []), ...(ptraceScope > 0 ? (['sys_ptrace'] as const) : [])];
}

const isLinkedElsewhere = (file: string, links: number): boolean => links > 0 && mayHaveLostItsName(file);

/** Yama's (ptrace(2)): above 0 nobody traces but a parent, or who has CAP_SYS_PTRACE. */
export const ptraceScope = (): number => Number(textOf('/proc/sys/kernel/yama/ptrace_scope') ?? 0);
