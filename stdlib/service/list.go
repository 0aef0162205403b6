package service

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// ListArgs are the arguments of List.
type ListArgs struct {
	Enabled *bool  `lua:"enabled" doc:"true: only those started at boot; false: only the others"`
	Running *bool  `lua:"running" doc:"true: only those that run; false: only those that do not, of which some cannot tell; asks every script, which takes a while"`
	Jail    string `lua:"jail" doc:"in this running jail (-j)"`
}

// Service is one that there is.
type Service struct {
	Name    string  `lua:"name" doc:"name"`
	Enabled bool    `lua:"enabled" doc:"it is started at boot"`
	Local   bool    `lua:"local" doc:"it came with a package"`
	Status  *Status `lua:"status" doc:"how it stands, where running= was asked for"`
}

// listScript lists all scripts, those of services that are enabled, and, when
// asked, what each says of its status: "$1" is every or enabled. What does not
// end in run_rc_command(8) is left alone: it might take any word for "start".
const listScript = `service=/usr/sbin/service
$service -v -l && echo --enabled && $service -e || exit
case $1 in
every) scripts=$($service -v -l | sed -n -e 's/^From \(.*\):$/\1/' -e '/^\//{h;d;}' -e 'G;s/\(.*\)\n\(.*\)/\2\/\1/p') ;;
enabled) scripts=$($service -e) ;;
*) exit 0 ;;
esac
for script in $scripts; do
	[ -f "$script" ] && [ -x "$script" ] && grep -q '^[^#]*run_rc_command' "$script" || continue
	said=$($service "${script##*/}" onestatus 2>&1 </dev/null)
	echo "--status ${script##*/} $?"
	echo "$said"
done
`

// List lists the services that there are, sorted by name.
func List(ctx context.Context, h effect.Doer, a ListArgs) ([]Service, error) {
	const op = "service.list"
	if strings.HasPrefix(a.Jail, "-") {
		return nil, effect.Errorf(effect.Invalid, op, "%q is no name of a jail", a.Jail)
	}
	ask, reads := "none", []effect.Resource{
		effect.Tree("/etc/rc.d"), effect.Tree("/usr/local/etc/rc.d"), effect.File("/etc/rc.conf"), effect.File("/etc/rc.conf.local"),
	}
	if a.Running != nil {
		ask, reads = "every", append(reads, allServices)
		if a.Enabled != nil && *a.Enabled {
			ask = "enabled"
		}
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, In: a.Jail, Title: "service -l, -e",
		Argv: []string{"/bin/sh", "-c", listScript, "list", ask}, Reads: reads,
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	list := parseList(out)
	return slices.DeleteFunc(list, func(s Service) bool {
		return a.Enabled != nil && s.Enabled != *a.Enabled || a.Running != nil && (s.Status != nil && s.Status.Running) != *a.Running
	}), nil
}
