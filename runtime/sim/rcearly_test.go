package sim_test

import (
	"strings"
	"testing"
)

func TestScriptOfTheAdministratorRunsAtBoot(t *testing.T) {
	m := bootMachine(t, "freebsd-14.3", nil)
	if _, errs, code := m.Exec(t.Context(), "root", `printf '#!/bin/sh\n# PROVIDE: ours\n# BEFORE: netif\necho "$1 $(ls /var/run/sshd.pid 2>&1)" >>/root/ran\n' >/etc/rc.d/ours; chmod +x /etc/rc.d/ours
printf '#!/bin/sh\n# PROVIDE: later\necho late >>/root/ran\n' >/etc/rc.d/later`); code != 0 {
		t.Fatal(errs)
	}
	m.PowerCycle()
	await(t, m)
	out, _, _ := m.Exec(t.Context(), "root", "cat /root/ran")
	if !strings.HasPrefix(out, "faststart ") || !strings.Contains(out, "No such file") || strings.Count(out, "\n") != 1 {
		t.Errorf("down %v, it ran: %q", m.Down(), out)
	}
}
