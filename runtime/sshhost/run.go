package sshhost

import (
	"context"

	"bsdrun/runtime/effect"
)

// EndRun removes what the run left on the host: its ledger and its lock. Jobs
// stay.
func (h *Host) EndRun(ctx context.Context) error {
	h.mu.Lock()
	needed := h.cfg.Run != "" && (h.touched || h.cfg.Resumed)
	places := []place{{}}
	for at, s := range h.shells {
		if !at.side && at != (place{}) && s.prepared {
			places = append(places, at)
		}
	}
	h.mu.Unlock()
	if !needed {
		return nil
	}
	run := quoteRaw(h.cfg.Run)
	script := h.stateScript() + `[ -n "$_D" ] || exit 0
rm -rf "$_D/runs/"` + run + ` "$_D/runs/"` + run + `.taken; rmdir "$_D/runs" 2>/dev/null
_o=; { read -r _o <"$_D/lock/owner"; } 2>/dev/null
[ "$_o" = ` + run + ` ] && rm -rf "$_D/lock"; :`
	for _, at := range places {
		s, err := h.shellAt(ctx, at)
		if err == nil {
			_, err = s.ask(ctx, script)
		}
		if err != nil {
			return h.explain(ctx, effect.Effect{Op: "run.end"}, err)
		}
		s.prepared = false
	}
	return nil
}
