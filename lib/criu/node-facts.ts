// What of a node a tree depends on that goes on there: noted where it is saved, and compared where it is to be restored.
// Libraries, the C library too, CRIU compares itself, by their build ids.
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import type { NodeFacts } from '../job.ts';
import { run } from '../system/exec.ts';

const PATIENCE = { deadlineSeconds: 60 };

/** What can't be found out is an empty text. Takes some 20 ms: not for while a tree stands still. */
export async function nodeFacts(criu: string): Promise<NodeFacts> {
  const [version, libc, cpuinfo] = await Promise.all([
    run([criu, '--version'], PATIENCE),
    run(['getconf', 'GNU_LIBC_VERSION'], PATIENCE),
    readFile('/proc/cpuinfo', 'utf8').catch(() => ''),
  ]);
  return { kernel: release(), libc: libc.stdout.trim(), criu: versionIn(version.stdout), cpuFlags: flagsIn(cpuinfo) };
}

/** Of `criu --version`. */
export const versionIn = (text: string): string => /^Version: (\S+)/m.exec(text)?.[1] ?? '';

/** x86 calls them flags, arm Features; of the first processor. */
export const flagsIn = (cpuinfo: string): string =>
  /^(?:flags|Features)[\t ]*:[\t ]*(.*)$/m.exec(cpuinfo)?.[1]?.trim() ?? '';

/** Names enough of them to know the processor by. */
const MOST_FLAGS = 5;

/** Why a tree that was saved there can't go on here; undefined: nothing is known against it. */
export function misfit(there: NodeFacts, here: NodeFacts): string | undefined {
  const flags = new Set(here.cpuFlags.split(' '));
  const lacking = here.cpuFlags === '' ? [] : usable(there.cpuFlags).filter((flag) => !flags.has(flag));
  if (lacking.length > 0) {
    const more = lacking.length - MOST_FLAGS;
    const named = `${lacking.slice(0, MOST_FLAGS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    return `this node's processor lacks ${named}, which the job may use: keep to one kind of node (--constraint)`;
  }
  if (isOlder(here.kernel, there.kernel))
    return `this node's kernel (${here.kernel}) is older than the one under which the job was saved (${there.kernel}): keep to nodes with the same kernel (--constraint)`;
  if (isOlder(here.criu, there.criu))
    return `this node's CRIU (${here.criu}) is older than the one that saved the job (${there.criu}): all nodes need the same`;
  return undefined;
}

const usable = (flags: string): string[] =>
  flags.split(' ').filter((flag) => flag !== '' && !NOT_FOR_PROGRAMS.has(flag));

/**
 * Flags of x86 (arch/x86/include/asm/cpufeatures.h) that come and go with the kernel's parameters, the firmware's settings and
 * virtual machines, and stand for nothing that a program could execute.
 */
const NOT_FOR_PROGRAMS = new Set(
  [
    // Mitigations
    'pti kaiser ibrs ibpb stibp ssbd virt_ssbd amd_ssbd ssb_no ibrs_enhanced retpoline retpoline_amd rsb_ctxsw',
    'md_clear flush_l1d arch_capabilities',
    // Virtual machines
    'hypervisor vmx svm tpr_shadow vnmi flexpriority ept vpid ept_ad vmmcall npt lbrv svm_lock nrip_save tsc_scale',
    'vmcb_clean flushbyasid decodeassists pausefilter pfthreshold avic x2avic v_vmsave_vmload vgif v_spec_ctrl',
    'sev sev_es sev_snp sme tdx_guest',
    // Temperature and power
    'acpi tm tm2 est dtherm ida arat pln pts hwp hwp_notify hwp_act_window hwp_epp hwp_pkg_req hfi epb cpb hw_pstate',
    'proc_feedback cppc aperfmperf',
    // Counters, and the kernel's own means
    'arch_perfmon pebs bts ds_cpl dtes64 dts pdcm ibs perfctr_core perfctr_nb perfctr_llc perfmon_v2 amd_lbr_v2',
    'amd_lbr_pmc_freeze cqm cqm_llc cqm_occup_llc cqm_mbm_total cqm_mbm_local rdt_a cat_l2 cat_l3 cdp_l2 cdp_l3 mba',
    'intel_ppin amd_ppin smx xtpr dca x2apic extapic tsc_deadline_timer tsc_adjust pcid invpcid invpcid_single smep smap',
    'constant_tsc nonstop_tsc nonstop_tsc_s3 tsc_reliable tsc_known_freq rep_good xtopology cpuid extd_apicid',
    'split_lock_detect bus_lock_detect cpuid_fault',
  ].flatMap((names) => names.split(' ')),
);

/** By major and minor version: what follows fixes, and doesn't take away. */
function isOlder(mine: string, other: string): boolean {
  if (mine === '' || other === '') return false;
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [numbersIn(mine), numbersIn(other)];
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

const numbersIn = (version: string): number[] => version.split(/\D/, 2).map(Number);
