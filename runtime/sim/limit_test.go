package sim

import (
	"testing"
	"time"
)

func TestALimitDoesNotMakeTimePass(t *testing.T) {
	c := newClockwork(time.Unix(0, 0))
	met := make(chan time.Time, 1)
	stop := c.after(time.Hour, func() { met <- c.time() })
	c.wait(1) // a controller waits, and nothing runs
	if got := c.time(); !got.Equal(time.Unix(0, 0)) {
		t.Fatalf("it is %v: the limit came by itself", got)
	}
	c.enter() // this test is a process now
	if err := c.sleep(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := <-met; got.Unix() != 3600 {
		t.Errorf("the limit was met at %v", got.Unix())
	}
	stop()
	if c.pulling != 0 || len(c.events) != 0 {
		t.Errorf("%d events are left, %d pull", len(c.events), c.pulling)
	}
}
