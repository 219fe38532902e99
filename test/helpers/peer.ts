/**
 * A program for a job that speaks to the job's agent in its supervisor's place: it stops the supervisor, takes the socket out of it
 * (pidfd_getfd(2), which a process may do to another of its user), sends the lines of a file, and prints the answer to each. In these,
 * @CHILD stands for the number in $CHILD, @SUPERVISOR for the supervisor's own. With AT_ONCE it sends all lines and reads nothing.
 */
export const PEER = `use strict; $| = 1;
my ($pidfd_open, $pidfd_getfd, $supervisor) = (434, 438);
for my $pid (map { m{(\\d+)} } glob '/proc/[0-9]*') {
  open my $cmdline, '<', "/proc/$pid/cmdline" or next;
  next unless (<$cmdline> // '') =~ m{/lib/supervisor\\.js};
  open my $environ, '<', "/proc/$pid/environ" or next;
  $supervisor = $pid if grep { $_ eq "SLURM_JOB_ID=$ENV{SLURM_JOB_ID}" } split /\\0/, <$environ> // '';
}
kill 'STOP', $supervisor;
select undef, undef, undef, 0.2;
my $pidfd = syscall($pidfd_open, $supervisor + 0, 0);
my $peer;
for my $fd (map { m{(\\d+)$} } glob "/proc/$supervisor/fd/*") {
  my $got = syscall($pidfd_getfd, $pidfd, $fd + 0, 0);
  next if $got < 0;
  open my $file, '+<&=', $got or next;
  my $name = getpeername $file;
  if (defined $name && $name =~ /agent\\.sock/) { $peer = $file } else { close $file }
}
die "no socket\\n" unless $peer;
use Fcntl; fcntl $peer, F_SETFL, 0;
open my $requests, '<', $ARGV[0] or die;
if ($ENV{AT_ONCE}) {
  # All of it, and no answer is read.
  $SIG{PIPE} = 'IGNORE';
  local $/; my $all = <$requests>;
  my $sent = 0;
  while (my $part = syswrite $peer, substr $all, $sent, 65536) { $sent += $part }
  print "sent ", $sent < length $all ? 'a part' : 'all', "\\n";
}
while (!$ENV{AT_ONCE} and my $line = <$requests>) {
  $line =~ s/\\@CHILD/$ENV{CHILD}/g; $line =~ s/\\@SUPERVISOR/$supervisor/g;
  syswrite $peer, $line;
  $SIG{ALRM} = sub { print "answer none\\n"; exit };
  alarm 60;
  my $answer = <$peer> // "gone\\n";
  print "answer $answer";
}
kill 'CONT', $supervisor;
`;
