// Package journal keeps what runs did: their recipes, steps and effects, in one
// SQLite file, read back for resume, reports and audit.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// Dir is where the journal lives: $XDG_STATE_HOME/bsdrun, by default
// ~/.local/state/bsdrun.
func Dir() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "bsdrun"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place for the journal: %w", err)
	}
	return filepath.Join(home, ".local", "state", "bsdrun"), nil
}

// Store is an open journal. Several goroutines, and several processes, may use
// it at once.
type Store struct {
	dir string // empty: in memory

	mu    sync.Mutex // guards conn and stmts
	conn  *sql.Conn
	db    *sql.DB
	stmts map[string]*sql.Stmt

	queue  chan write
	closed chan struct{} // the writer has ended

	errMu sync.Mutex
	err   error // of a write nobody waited for
}

// Open opens or creates the journal in dir (empty: Dir()).
func Open(dir string) (*Store, error) {
	if dir == "" {
		var err error
		if dir, err = Dir(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the journal's folder: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the journal's folder: %w", err)
	}
	path := filepath.Join(dir, "journal.db")
	// SQLite gives -wal and -shm the rights of the file itself.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the journal: %w", err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return nil, fmt.Errorf("the journal: %w", err)
	}
	name := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(15000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"
	store, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("the journal %s: %w", path, err)
	}
	store.dir = dir
	return store, nil
}

// Memory is a journal that ends with the process.
func Memory() (*Store, error) { return open(":memory:?_pragma=foreign_keys(1)") }

func open(name string) (*Store, error) {
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err == nil {
		err = migrate(ctx, conn)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{
		db: db, conn: conn, stmts: map[string]*sql.Stmt{},
		queue: make(chan write, 4096), closed: make(chan struct{}),
	}
	go s.write()
	return s, nil
}

// Close writes what is queued and closes the file.
func (s *Store) Close() error {
	close(s.queue)
	<-s.closed
	for _, stmt := range s.stmts {
		_ = stmt.Close()
	}
	return errors.Join(s.failure(), s.conn.Close(), s.db.Close())
}

// write is one queued change of the journal.
type write struct {
	do   func(*batch) error
	sync bool       // must be on the disk, not only in the system's cache
	done chan error // nil: nobody waits
}

// batch runs the statements of one transaction.
type batch struct{ s *Store }

func (b *batch) exec(query string, args ...any) error {
	stmt, err := b.s.prepare(query)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background(), args...)
	return err
}

func (s *Store) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// maxBatch bounds how many writes share a transaction.
const maxBatch = 512

// gathering is how long a write that nobody waits for lets others join it.
const gathering = 50 * time.Millisecond

// write is the only writer.
func (s *Store) write() {
	defer close(s.closed)
	for first := range s.queue {
		s.commit(s.gather(first))
	}
}

// gather puts all that is queued into one transaction, so that many hosts share one
// commit and, where one is wanted, one sync. As long as nobody waits for it, what comes
// soon joins it too.
func (s *Store) gather(first write) []write {
	writes, awaited := []write{first}, first.done != nil
	soon := time.NewTimer(gathering)
	defer soon.Stop()
	for len(writes) < maxBatch {
		if awaited && len(s.queue) == 0 {
			break
		}
		select {
		case next, open := <-s.queue:
			if !open {
				return writes
			}
			writes = append(writes, next)
			awaited = awaited || next.done != nil
		case <-soon.C:
			return writes
		}
	}
	return writes
}

func (s *Store) commit(writes []write) {
	err := s.transact(writes)
	if err != nil && len(writes) > 1 {
		// One bad write must not take the others with it.
		for _, w := range writes {
			s.commit([]write{w})
		}
		return
	}
	for _, w := range writes {
		if w.done != nil {
			w.done <- err
		} else if err != nil {
			s.fail(err)
		}
	}
}

func (s *Store) transact(writes []write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &batch{s}
	durable := false
	for _, w := range writes {
		durable = durable || w.sync
	}
	// In WAL mode a NORMAL commit survives the death of the process, a FULL one
	// that of the machine as well.
	if durable {
		if err := b.exec("PRAGMA synchronous = FULL"); err != nil {
			return err
		}
		defer func() { _ = b.exec("PRAGMA synchronous = NORMAL") }()
	}
	if err := b.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, w := range writes {
		if err := w.do(b); err != nil {
			return errors.Join(err, b.exec("ROLLBACK"))
		}
	}
	return b.exec("COMMIT")
}

func (s *Store) fail(err error) {
	s.errMu.Lock()
	defer s.errMu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("the journal could not be written: %w", err)
	}
}

func (s *Store) failure() error {
	s.errMu.Lock()
	defer s.errMu.Unlock()
	return s.err
}

// wait queues a write and waits until it is committed, and with durable until
// it is on the disk. Everything queued before it is committed then too.
func (s *Store) wait(durable bool, do func(*batch) error) error {
	done := make(chan error, 1)
	s.queue <- write{do, durable, done}
	if err := <-done; err != nil {
		return fmt.Errorf("the journal could not be written: %w", err)
	}
	return s.failure()
}

// later queues a write that nobody waits for; its failure comes with the next
// one somebody does.
func (s *Store) later(do func(*batch) error) { s.queue <- write{do: do} }

// Flush waits until all that is queued is committed.
func (s *Store) Flush() error { return s.wait(false, func(*batch) error { return nil }) }

// query reads rows with scan, which is called for each.
func (s *Store) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stmt, err := s.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// ErrHeld says that another process works on a run.
var ErrHeld = errors.New("another bsdrun is working on this run")

// Hold makes this process the one that works on a run, until release is called
// or the process ends.
func (s *Store) Hold(run string) (release func(), err error) {
	if s.dir == "" {
		return func() {}, nil
	}
	dir := filepath.Join(s.dir, "held")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, run)
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = file.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, ErrHeld
			}
			return nil, err
		}
		if !stillNamed(file, path) { // its owner let go of it in between
			_ = file.Close()
			continue
		}
		return func() {
			_ = os.Remove(path)
			_ = file.Close()
		}, nil
	}
}

func stillNamed(file *os.File, path string) bool {
	opened, err1 := file.Stat()
	named, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(opened, named)
}

// Held tells whether some process works on a run at this moment.
func (s *Store) Held(run string) bool {
	if s.dir == "" {
		return false
	}
	file, err := os.Open(filepath.Join(s.dir, "held", run))
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}
