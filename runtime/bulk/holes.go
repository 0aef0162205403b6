package bulk

// HolesFunction defines _holes for sh: whether dd(1) makes holes where a file is
// written to and leaves what lies behind them. FreeBSD's cuts the file after a hole
// at its end since 14, notrunc or not, and with it what others have written. The
// argument names a file to try it on, which is removed.
const HolesFunction = `_holes() { printf %1025s x >"$1" && dd if=/dev/zero of="$1" bs=512 count=1 conv=notrunc,sparse 2>/dev/null && [ "$(($(wc -c <"$1")))" = 1025 ]; set -- $? "$1"; rm -f "$2"; return $1; }
`
