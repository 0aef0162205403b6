package freebsdupdate

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
)

// planName is the file of the stage that says what merge has to do.
const planName = "plan.json"

// Plan is what upgrade leaves for merge.
type Plan struct {
	From       string     `json:"from"`
	To         string     `json:"to"`
	Components []string   `json:"components"`
	Policy     string     `json:"policy"`
	Editor     []string   `json:"editor,omitempty"`
	Files      []PlanFile `json:"files"`
	Ready      bool       `json:"ready"`  // the texts are there; else upgrade goes on with it
	Merged     bool       `json:"merged"` // merge has been through
}

// PlanFile is a file to be merged; the stage holds its texts by their hashes.
type PlanFile struct {
	Path string   `json:"path"`
	Old  []string `json:"old,omitempty"` // SHA-256 of the old release's texts: more than one where it was patched
	New  string   `json:"new,omitempty"` // empty: the new release has it no more
}

// candidates are the plan's files as Upgrade tells of them.
func (p Plan) candidates() []Candidate {
	list := []Candidate{}
	for _, f := range p.Files {
		c := Candidate{Path: f.Path, What: "changed"}
		switch {
		case len(f.Old) == 0:
			c.What = "added"
		case f.New == "":
			c.What = "removed"
		}
		list = append(list, c)
	}
	return list
}

func (t target) readPlan(ctx context.Context, h effect.Doer, op string) (Plan, bool, error) {
	data, there, err := file.Content(ctx, h, op, t.stage(planName))
	if err != nil || !there {
		return Plan{}, false, err
	}
	plan, err := parsePlan(data)
	if err != nil {
		return Plan{}, false, effect.Errorf(effect.Failed, op, "%s: %s", t.stage(planName), err)
	}
	return plan, true, nil
}

func (t target) writePlan(ctx context.Context, h effect.Doer, op string, p Plan) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return t.writeStaged(ctx, h, op, t.stage(planName), append(data, '\n'))
}

func parsePlan(text []byte) (Plan, error) {
	var p Plan
	err := json.Unmarshal(text, &p)
	return p, err
}

// parseTag reads the tool's tag: freebsd-update|ARCH|RELEASE|PATCH|HASH|EOL.
func parseTag(tag string) (release string, patch int) {
	fields := strings.Split(strings.TrimSpace(tag), "|")
	if len(fields) < 6 || fields[0] != "freebsd-update" {
		return "", 0
	}
	patch, _ = strconv.Atoi(fields[3])
	return fields[2], patch
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
