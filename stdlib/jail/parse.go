package jail

import (
	"fmt"
	"strconv"
	"strings"
)

// parseList reads what jls -nq prints: a line a jail, with name=value, or the name
// alone, with "no" in its last part for what is off.
func parseList(out string) ([]Jail, error) {
	list := []Jail{}
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		j, err := parseLine(strings.TrimRight(line, "\n"))
		if err != nil {
			return nil, err
		}
		list = append(list, j)
	}
	return list, nil
}

func parseLine(line string) (Jail, error) {
	j := Jail{IP4: []string{}, IP6: []string{}, Params: map[string]string{}}
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		end := strings.IndexAny(line, " =")
		if end < 0 {
			end = len(line)
		}
		name := line[:end]
		if end == len(line) || line[end] == ' ' {
			line = line[end:]
			value := "true"
			if positive := plain(name); positive != name {
				name, value = positive, "false"
			}
			j.Params[name] = value
			continue
		}
		value := line[end+1:]
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			end := strings.IndexByte(value[1:], value[0])
			if end < 0 {
				return j, fmt.Errorf("jls printed a value without its end: %.80q", line)
			}
			line, value = value[end+2:], value[1:end+1]
		} else {
			value, line, _ = strings.Cut(value, " ")
		}
		j.Params[name] = value
	}
	jid, err := strconv.Atoi(j.Params["jid"])
	if err != nil || j.Params["name"] == "" {
		return j, fmt.Errorf("jls printed something else: %.80q", line)
	}
	j.JID, j.Name, j.Path, j.Hostname = jid, j.Params["name"], j.Params["path"], j.Params["host.hostname"]
	j.Release = j.Params["osrelease"]
	j.VNET, j.Persist, j.Dying = j.Params["vnet"] == "new", j.Params["persist"] == "true", j.Params["dying"] == "true"
	j.IP4, j.IP6 = addresses(j.Params["ip4.addr"]), addresses(j.Params["ip6.addr"])
	return j, nil
}

func addresses(text string) []string {
	if text == "" || text == "-" {
		return []string{}
	}
	return strings.Split(text, ",")
}
