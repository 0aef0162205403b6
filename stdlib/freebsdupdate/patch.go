package freebsdupdate

import (
	"context"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

// PatchArgs are the arguments of PatchIntegrityCheck.
type PatchArgs struct {
	Backup string `lua:"backup" doc:"where the former script is kept" default:"/usr/sbin/freebsd-update.orig"`
}

// Patched is what became of the script.
type Patched struct {
	Changed bool   `lua:"changed" doc:"the script was, or in check mode would be, changed"`
	Backup  string `lua:"backup,omitempty" doc:"copy of the former script, where it was changed"`
}

// pathClass finds, in the line that sets P, the class of characters that a path
// may have, where it lacks % and @.
var pathClass = lazyregexp.New(`(?m)^(\s*P="\[[^"\n]*=)(_\[[^"\n]*:alnum:[^"\n]*"\s*)$`)

// PatchIntegrityCheck lets an old freebsd-update accept the paths of newer releases.
func PatchIntegrityCheck(ctx context.Context, h effect.Doer, a PatchArgs) (Patched, error) {
	const op = "freebsd_update.patch_integrity_check"
	if a.Backup == "" {
		a.Backup = tool + ".orig"
	}
	done, err := file.Edit(ctx, h, op, tool, file.Careful{Backup: a.Backup}, func(src []byte) ([]byte, error) {
		return repairClass(src), nil
	})
	if err != nil || !done.Changed {
		return Patched{}, err
	}
	return Patched{Changed: true, Backup: a.Backup}, nil
}

// repairClass adds the two characters where the class lacks them.
func repairClass(script []byte) []byte {
	return pathClass.ReplaceAll(script, []byte("${1}%@$2"))
}
