package net

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Route is a row of the routing table.
type Route struct {
	Family      string `lua:"family" doc:"inet or inet6"`
	Destination string `lua:"destination" doc:"default, a network with its prefix, or an address"`
	Gateway     string `lua:"gateway" doc:"address of the gateway, or link#N: the network itself"`
	Flags       string `lua:"flags" doc:"as netstat has them: UGS is up, by a gateway, static"`
	Interface   string `lua:"interface" doc:"interface that it leads out by"`
	MTU         int    `lua:"mtu,omitempty" doc:"largest packet, where the release tells" unit:"bytes"`
	Expire      int    `lua:"expire,omitempty" doc:"until it goes" unit:"seconds"`
}

// RoutesArgs are the arguments of Routes.
type RoutesArgs struct {
	Family string `lua:"family" doc:"only of this family" enum:"inet|inet6"`
}

// routesScript asks for JSON where the release has it (11 and later). Wide output is
// not cut to columns.
const routesScript = `netstat --libxo json -rnW 2>/dev/null || netstat -rnW`

// Routes lists the routing table.
func Routes(ctx context.Context, h effect.Doer, a RoutesArgs) ([]Route, error) {
	const op = "net.routes"
	out, err := read(ctx, h, effect.Effect{Op: op, Title: "netstat -rn", Argv: []string{"sh", "-c", routesScript}, Reads: []effect.Resource{routesResource}})
	if err != nil {
		return nil, err
	}
	list, err := parseRoutes(out)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%v", err)
	}
	return slices.DeleteFunc(list, func(r Route) bool { return a.Family != "" && r.Family != a.Family }), nil
}

// families are the titles of netstat's tables.
var families = map[string]string{"Internet": inet, "Internet6": inet6}

// parseRoutes reads what netstat -rn prints, as JSON or as text.
func parseRoutes(out string) ([]Route, error) {
	if strings.HasPrefix(strings.TrimSpace(out), "{") {
		return parseRoutesJSON(out)
	}
	list := []Route{}
	family := ""
	var columns []string
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \r\n")
		words := strings.Fields(line)
		title, isTitle := strings.CutSuffix(line, ":")
		switch {
		case len(words) == 0:
		case isTitle && len(words) == 1:
			family, columns = families[title], nil
		case strings.HasPrefix(line, "Routing tables"):
		case words[0] == "Destination":
			columns = words
		case columns == nil:
			return nil, fmt.Errorf("netstat printed something else: %.80q", line)
		case family == "": // a table of no concern
		default:
			r, err := routeOf(family, columns, words)
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
	}
	return list, nil
}

// routeOf reads a row by the names of its columns; the last ones may be empty.
func routeOf(family string, columns, words []string) (Route, error) {
	r := Route{Family: family}
	for k, column := range columns {
		if k >= len(words) {
			break
		}
		switch column {
		case "Destination":
			r.Destination = words[k]
		case "Gateway":
			r.Gateway = words[k]
		case "Flags":
			r.Flags = words[k]
		case "Netif":
			r.Interface = words[k]
		case "Mtu":
			r.MTU, _ = strconv.Atoi(words[k])
		case "Expire":
			r.Expire, _ = strconv.Atoi(words[k])
		}
	}
	if r.Interface == "" {
		return r, fmt.Errorf("netstat printed something else: %.80q", strings.Join(words, " "))
	}
	return r, nil
}

func parseRoutesJSON(out string) ([]Route, error) {
	var document struct {
		Statistics *struct {
			Information struct {
				Table struct {
					Families []struct {
						Family  string `json:"address-family"`
						Entries []struct {
							Destination string          `json:"destination"`
							Gateway     string          `json:"gateway"`
							Flags       string          `json:"flags"`
							Interface   string          `json:"interface-name"`
							MTU         json.RawMessage `json:"mtu"`
							Expire      json.RawMessage `json:"expire-time"`
						} `json:"rt-entry"`
					} `json:"rt-family"`
				} `json:"route-table"`
			} `json:"route-information"`
		} `json:"statistics"`
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		return nil, fmt.Errorf("netstat printed no JSON: %w", err)
	}
	if document.Statistics == nil {
		return nil, fmt.Errorf("netstat printed something else: %.80q", out)
	}
	list := []Route{}
	for _, table := range document.Statistics.Information.Table.Families {
		family, known := families[table.Family]
		if !known {
			continue
		}
		for _, e := range table.Entries {
			r := Route{Family: family, Destination: e.Destination, Gateway: e.Gateway, Flags: e.Flags, Interface: e.Interface}
			r.MTU, _ = strconv.Atoi(unquoted(e.MTU))
			r.Expire, _ = strconv.Atoi(unquoted(e.Expire))
			list = append(list, r)
		}
	}
	return list, nil
}

// unquoted is a number, which some releases write as a string.
func unquoted(value json.RawMessage) string { return strings.Trim(string(value), `"`) }

// DefaultRouteArgs are the arguments of DefaultRoute.
type DefaultRouteArgs struct {
	Family string `lua:"family" doc:"whose" enum:"inet|inet6" default:"inet"`
}

// Default is the default route.
type Default struct {
	Found     bool   `lua:"found" doc:"there is one"`
	Gateway   string `lua:"gateway,omitempty" doc:"address of the gateway; none where the interface itself is the way"`
	Interface string `lua:"interface,omitempty" doc:"interface that it leads out by"`
	MTU       int    `lua:"mtu,omitempty" doc:"largest packet" unit:"bytes"`
}

// DefaultRoute returns the default route.
func DefaultRoute(ctx context.Context, h effect.Doer, a DefaultRouteArgs) (Default, error) {
	return defaultRoute(ctx, h, "net.default_route", a.Family)
}

var noRoute = lazyregexp.New(`route has not been found|No such process|not in table`)

func defaultRoute(ctx context.Context, h effect.Doer, op, family string) (Default, error) {
	argv := []string{"route", "-n", "get", "default"}
	if family == inet6 {
		argv = []string{"route", "-n", "get", "-inet6", "default"}
	}
	out, err := read(ctx, h, effect.Effect{Op: op, Argv: argv, Reads: []effect.Resource{defaultResource}})
	if failure := effect.AsError(err); failure != nil {
		if noRoute.MatchString(failure.Err + failure.Out) {
			return Default{}, nil
		}
		return Default{}, err
	}
	d, err := parseRouteGet(out)
	if err != nil {
		return d, effect.Errorf(effect.Failed, op, "%v", err)
	}
	return d, nil
}

// parseRouteGet reads what route get prints: names with values, then a table.
func parseRouteGet(out string) (Default, error) {
	d := Default{Found: true}
	mtu := -1 // its column
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if mtu >= 0 && mtu < len(words) {
			d.MTU, _ = strconv.Atoi(words[mtu])
			mtu = -1
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case name == "gateway":
			d.Gateway = strings.TrimSpace(value)
		case name == "interface":
			d.Interface = strings.TrimSpace(value)
		case len(words) > 0 && words[0] == "recvpipe":
			mtu = slices.Index(words, "mtu")
		}
	}
	if d.Interface == "" {
		return Default{}, fmt.Errorf("route printed something else: %.80q", out)
	}
	return d, nil
}
