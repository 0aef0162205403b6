// Package sshhost is the Doer below all layers: it does effects on one host,
// over SSH, or on this machine (NewLocal) by the same code.
//
// # What the far end must have
//
// An SSH server with session channels (exec requests; pty-req for dialogues),
// the sftp subsystem for large files if it has one, and a POSIX /bin/sh. A
// simulated machine must support exactly this:
//
// Exec requests, whatever the login shell is:
//
//	exec /bin/sh -c 'SCRIPT'
//	exec /bin/sh -c 'eval "$(printf "...")"'
//
// the latter with the script as octal escapes, where a login shell would trip over
// it. The script of the shell channel introduces the shell and ends with "exec
// /bin/sh", which reads its script from standard input until it is closed. No reply
// is asked for, and input follows at once. Exit status
// and end of both streams are reported when the command ends. Sessions run side
// by side; when the connection goes, commands go on until they write.
//
// The shell channel. Each exchange is written as one piece:
//
//	echo NONCE.7.s;echo NONCE.7.s >&2
//	(COMMAND
//	) </dev/null
//	echo NONCE.7.e.$?;echo NONCE.7.e >&2
//
// Several Reads at once are several such exchanges in one piece.
//
// COMMAND is quoted words, or eval 'SCRIPT', perhaps after "cd DIR || exit 126"
// and "NAME=value; export NAME". The shell must execute each line as soon as it
// is complete, without waiting for more input. A syntax error in SCRIPT ends the
// subshell alone.
//
// Introduction. LC_ALL, IFS, PATH, umask and unset as usual; then kern.boot_id is
// read by sysctl -nx, where that is unknown kern.boottime by sysctl -n (its "sec"
// must change with every reboot by more than 5), or
// /proc/sys/kernel/random/boot_id where /boot/kernel is absent; $$ and type
// printf are printed. Names beginning with an underscore are ours.
//
// Shell language. Subshells, eval, case, if, while, functions, set --, "$*",
// parameter expansion with # ## % %% :- :+ (nested and quoted), command
// substitution, arithmetic, redirections of 0 to 2 in all forms including >> and
// 2>/dev/null on groups, { }, read -r from files, [ with -e -f -d -L -r -w -s -x
// -n -z = != -gt -ge -lt -ef, command -v, type, kill -0/-TERM/-KILL, trap ” HUP, .
// (dot), background processes with & and $!, printf with octal escapes and %s.
//
// Programs. cat cmp chmod chown chgrp cp -p date +%s find (-mindepth -maxdepth
// -print0) head -c, id -u -un, ln -s -f -n, ls, mkdir -p, mv -f, ps -axo pid,ppid,
// ps -o lstart= -p PID and ps -o stat= -o lstart= -p PID (Z is a zombie), readlink -f -n, rm -f -r, rmdir, sha256 -q (or
// sha256sum), sleep (fractions), stat -f with -L and the formats of stat.go, tail
// -c +N, wc -c, xargs -0; fsync and chflags where flags are asked for; daemon -f
// (or setsid, nohup) for jobs; su -m USER -c for other users; shutdown for
// reboots. ps must show the descendants of the shell's $$, with their parents,
// and kill must end them.
//
// # What is left on the host
//
// In /var/db/bsdrun, or $HOME/.local/state/bsdrun where that cannot be written,
// mode 0700: lock/ (who has the host), runs/RUN/ (the ledger of a run under
// way), jobs/ID/ (detached commands). See ledger.go and job.go for the formats.
// A job's file run can be run again: it starts the job anew.
package sshhost
