# Compiles a source in a private directory and runs the program there.
# usage: cc SOURCE TRIAL "COMPILER ..." N FLAG... ARGUMENT..., with N flags
source=$1 trial=$2 compilers=$3 flags=$4
shift 4

# The last line on standard output tells how it ended.
end() {
	printf '\nbsdrun-cc %s %s %s\n' "$1" "$2" "$cc"
	exit 0
}

dir= cc=
trap '[ -z "$dir" ] || rm -rf "$dir"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
umask 077
for place in "${TMPDIR:-/tmp}" /var/tmp "$HOME"; do
	dir=$(mktemp -d "$place/bsdrun-cc.XXXXXXXX" 2>/dev/null) || continue
	# Programs are run from here, which a file system may forbid.
	printf '#!/bin/sh\n' >"$dir/try" && chmod 700 "$dir/try" && "$dir/try" 2>/dev/null && break
	rm -rf "$dir"
	dir=
done
[ -n "$dir" ] || end nowhere 0

for name in $compilers; do
	cc=$(command -v "$name" 2>/dev/null) && break
	cc=
done
[ -n "$cc" ] || end none 0

# build NAME N WORD...: compiles NAME.c with the first N words.
build() (
	name=$1 keep=$2
	shift 2
	words=$#
	for word; do
		if [ "$keep" -gt 0 ]; then
			keep=$((keep - 1))
			set -- "$@" "$word"
		fi
	done
	shift "$words"
	cd "$dir" && exec "$cc" -o "$name" "$name.c" "$@" </dev/null 2>&1
)

printf '%s' "$source" >"$dir/program.c"
printf '%s' "$trial" >"$dir/trial.c"
build program "$flags" "$@" >"$dir/messages"
code=$?
if [ "$code" -ne 0 ]; then
	cat "$dir/messages"
	build trial 0 >/dev/null || end broken "$code"
	end failed "$code"
fi

shift "$flags"
(cd "$dir" && exec ./program "$@")
end ran $?
