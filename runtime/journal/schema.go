package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations take the store from one version to the next; user_version counts
// how many have run. A released one is never edited.
var migrations = []string{
	// 1: times are nanoseconds since 1970, values are CBOR, views are JSON.
	`
CREATE TABLE runs (
	id TEXT PRIMARY KEY, recipe TEXT NOT NULL, source BLOB, root TEXT NOT NULL,
	adhoc INTEGER NOT NULL, dry INTEGER NOT NULL, version TEXT NOT NULL, params BLOB, options BLOB,
	controller TEXT NOT NULL, pid INTEGER NOT NULL, state TEXT NOT NULL, session INTEGER NOT NULL,
	started INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, error BLOB
) WITHOUT ROWID;
CREATE TABLE files (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, name TEXT NOT NULL, content BLOB NOT NULL,
	PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE TABLE hosts (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, name TEXT NOT NULL, seq INTEGER NOT NULL,
	spec BLOB, status TEXT NOT NULL DEFAULT '', result BLOB, error BLOB,
	started INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE INDEX hosts_by_name ON hosts (name, run);
CREATE TABLE steps (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, host TEXT NOT NULL, path TEXT NOT NULL,
	title TEXT NOT NULL, seq INTEGER NOT NULL, status TEXT NOT NULL, exact INTEGER NOT NULL DEFAULT 0,
	value BLOB, reason TEXT NOT NULL DEFAULT '', error BLOB, changes INTEGER NOT NULL DEFAULT 0,
	started INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (run, host, path)
) WITHOUT ROWID;
CREATE TABLE effects (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, seq INTEGER NOT NULL,
	host TEXT NOT NULL, step TEXT NOT NULL, session INTEGER NOT NULL, ordinal INTEGER NOT NULL,
	id TEXT NOT NULL, op TEXT NOT NULL, kind TEXT NOT NULL, risk TEXT NOT NULL, hash TEXT NOT NULL,
	what TEXT NOT NULL, line TEXT NOT NULL, sent INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0,
	status TEXT NOT NULL, counts INTEGER NOT NULL DEFAULT 0, code INTEGER NOT NULL DEFAULT 0, out BLOB, err BLOB, diff TEXT NOT NULL DEFAULT '',
	answer TEXT NOT NULL DEFAULT '', result BLOB, error BLOB,
	PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE INDEX effects_by_step ON effects (run, host, step);
CREATE INDEX effects_by_host ON effects (host, sent);
CREATE TABLE answers (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, host TEXT NOT NULL, question TEXT NOT NULL,
	answer TEXT NOT NULL, PRIMARY KEY (run, host, question)
) WITHOUT ROWID;
CREATE TABLE lines (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, at INTEGER NOT NULL, host TEXT NOT NULL,
	type TEXT NOT NULL, step TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX lines_by_run ON lines (run);
`,
	// 2: where a command runs, so that the host's ledger can be asked of one
	// whose outcome is not known without sending it again.
	`
ALTER TABLE effects ADD COLUMN command INTEGER NOT NULL DEFAULT 0;
ALTER TABLE effects ADD COLUMN jail TEXT NOT NULL DEFAULT '';
ALTER TABLE effects ADD COLUMN user TEXT NOT NULL DEFAULT '';
`,
	// 3: what a recipe says of all hosts together.
	"ALTER TABLE runs ADD COLUMN summary BLOB",
	// 4: what hosts have shared with each other.
	`
CREATE TABLE shared (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, point TEXT NOT NULL, host TEXT NOT NULL, value BLOB NOT NULL,
	PRIMARY KEY (run, point, host)
) WITHOUT ROWID;
`,
	// 5: what the hosts of a run under way are at, for those who watch it.
	`
CREATE TABLE live (
	run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, host TEXT NOT NULL, at INTEGER NOT NULL,
	since INTEGER NOT NULL, what TEXT NOT NULL, text TEXT NOT NULL, data BLOB, out TEXT NOT NULL,
	PRIMARY KEY (run, host)
) WITHOUT ROWID;
`,
}

// migrate brings the store to the present version, and refuses one that a newer
// bsdrun has written.
func migrate(ctx context.Context, conn *sql.Conn) error {
	var have int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(migrations) {
		return fmt.Errorf("the journal has version %d, this bsdrun knows up to %d: use the newer bsdrun that wrote it", have, len(migrations))
	}
	if have == len(migrations) {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := migrateFrom(ctx, conn)
	end := "COMMIT"
	if err != nil {
		end = "ROLLBACK"
	}
	if _, endErr := conn.ExecContext(ctx, end); err == nil {
		err = endErr
	}
	return err
}

// migrateFrom runs what is missing; another process may have done it since we
// looked.
func migrateFrom(ctx context.Context, conn *sql.Conn) error {
	var have int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	for i := have; i < len(migrations); i++ {
		if _, err := conn.ExecContext(ctx, migrations[i]); err != nil {
			return fmt.Errorf("journal migration %d: %w", i+1, err)
		}
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", i+1)); err != nil {
			return err
		}
	}
	return nil
}
