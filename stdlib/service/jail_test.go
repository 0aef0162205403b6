package service_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/service"
	"bsdrun/tests/answers"
)

// inside keeps where effects were done.
type inside struct {
	*answers.Host
	places []string
}

func (h *inside) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	h.places = append(h.places, e.In)
	return h.Host.Do(ctx, e)
}

// TestJail: everything about a jail's service is done in the jail.
func TestJail(t *testing.T) {
	h := &inside{Host: answers.New(t)}
	h.Says("/usr/sbin/service nginx onestatus", "nginx is not running.\n")
	h.Says("/usr/sbin/service nginx onehelp", "Usage: /usr/local/etc/rc.d/nginx [fast|force|one|quiet](start|stop|restart|rcvar|configtest|status|poll)\n")
	h.Says("service nginx onestart", "Starting nginx.\n")
	h.Says("service nginx configtest", "")
	h.Says("service -l", "From /usr/local/etc/rc.d:\nnginx\n--enabled\n")
	a := service.NameArgs{Name: "nginx", Jail: "www"}
	if s, err := service.StatusOf(ctx, h, a); err != nil || s.Running {
		t.Errorf("%+v %v", s, err)
	}
	if done, err := service.Onestart(ctx, h, a); err != nil || !done.Changed {
		t.Errorf("%+v %v", done, err)
	}
	if list, err := service.Actions(ctx, h, a); err != nil || !slices.Equal(list, []string{"configtest"}) {
		t.Errorf("%q %v", list, err)
	}
	if done, err := service.Action(ctx, h, service.ActionArgs{Name: "nginx", Action: "configtest", Jail: "www"}); err != nil || !done.Changed {
		t.Errorf("%+v %v", done, err)
	}
	if list, err := service.List(ctx, h, service.ListArgs{Jail: "www"}); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if len(h.places) == 0 || slices.ContainsFunc(h.places, func(in string) bool { return in != "www" }) {
		t.Errorf("done in %q", h.places)
	}
	for _, bad := range []string{"-x"} {
		if _, err := service.List(ctx, h, service.ListArgs{Jail: bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestJailRisk: what cuts a host off its network does not when it is a jail's.
func TestJailRisk(t *testing.T) {
	for jail, want := range map[string]effect.Risk{"": effect.Disruptive, "www": effect.Safe} {
		h := answers.New(t)
		h.Says("/usr/sbin/service sshd onestatus", "sshd is running as pid 1.\n")
		h.Says("service sshd restart", "Starting sshd.\n")
		if _, err := service.Restart(ctx, h, service.NameArgs{Name: "sshd", Jail: jail}); err != nil || h.Changes[0].Risk != want || !strings.HasSuffix(answers.Line(h.Changes[0]), "restart") {
			t.Errorf("jail %q: %v %v", jail, h.Changes[0].Risk, err)
		}
	}
}
