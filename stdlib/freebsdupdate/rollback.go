package freebsdupdate

import (
	"context"
	"time"

	"bsdrun/runtime/effect"
)

// RollbackArgs are the arguments of Rollback.
type RollbackArgs struct {
	Timeout time.Duration `lua:"timeout" doc:"0: none" unit:"seconds"`
	Place   `lua:",inline"`
}

// RolledBack is what a rollback came to.
type RolledBack struct {
	Changed      bool `lua:"changed" doc:"something was, or in check mode would be, uninstalled"`
	More         bool `lua:"more,produced" doc:"an earlier update could be uninstalled too"`
	RebootNeeded bool `lua:"reboot_needed,produced" doc:"files below /boot were among them"`
}

// Rollback uninstalls what was installed last.
func Rollback(ctx context.Context, h effect.Doer, a RollbackArgs) (RolledBack, error) {
	const op = "freebsd_update.rollback"
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return RolledBack{}, err
	}
	before, _, err := t.noted(ctx, h, op)
	if err != nil {
		return RolledBack{}, err
	}
	if !before.Rollback {
		return RolledBack{}, effect.WithHint(effect.Errorf(effect.Missing, op, "there is nothing to roll back"),
			"a boot environment from before brings everything back at once")
	}
	o, err := t.carryOut(ctx, h, op, "rollback", before.rollback, "", a.Timeout)
	if err != nil || o == nil {
		return RolledBack{Changed: err == nil}, err
	}
	after, err := t.progress(ctx, h, op)
	return RolledBack{Changed: true, More: after.Rollback, RebootNeeded: before.rollbackBoot}, err
}
