package journal

import (
	"context"
	"database/sql"
	"strings"
	"testing"
)

// A report of many hosts reads the effects of each once, not those of all hosts
// once for each.
func TestAHostsEffectsAreFoundByTheIndex(t *testing.T) {
	s, err := Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	err = s.query(context.Background(), func(rows *sql.Rows) error {
		var id, parent, unused int
		var plan string
		err := rows.Scan(&id, &parent, &unused, &plan)
		if strings.HasPrefix(plan, "SEARCH") && !strings.Contains(plan, "(run=? AND host=?)") {
			t.Errorf("the plan is: %s", plan)
		}
		return err
	}, "EXPLAIN QUERY PLAN SELECT seq FROM "+ofHost+" ORDER BY seq", "r", "h")
	if err != nil {
		t.Fatal(err)
	}
}
