package clock

import (
	"context"
	"errors"
	"testing"
	"time"
)

type jumping struct {
	now, base time.Time
	due       []func()
}

func (j *jumping) Now() time.Time { return j.now }

func (j *jumping) Sleep(_ context.Context, d time.Duration) error {
	j.now = j.now.Add(d)
	return nil
}

func TestTheContextDecidesTheClock(t *testing.T) {
	j := &jumping{now: time.Unix(1000, 0)}
	ctx := With(t.Context(), j)
	if err := Sleep(ctx, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := Now(ctx); !got.Equal(time.Unix(4600, 0)) {
		t.Errorf("after an hour it is %v", got)
	}
	if From(t.Context()) != Real {
		t.Error("without a clock in the context, time is not real")
	}
}

func TestRealSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := Real.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := Real.Sleep(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context still sleeps: %v", err)
	}
}

func TestASleepCutShortTellsWhy(t *testing.T) {
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := Sleep(ctx, time.Hour); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func (j *jumping) AfterFunc(d time.Duration, fire func()) (stop func()) {
	j.due = append(j.due, func() {
		if !j.now.Before(j.base.Add(d)) {
			fire()
		}
	})
	return func() {}
}

func TestTimeoutIsOfTheContextsClock(t *testing.T) {
	j := &jumping{now: time.Unix(1000, 0), base: time.Unix(1000, 0)}
	ctx, cancel := WithTimeout(With(t.Context(), j), time.Hour)
	defer cancel()
	j.now = j.now.Add(time.Minute)
	j.ring()
	if ctx.Err() != nil {
		t.Fatal("the limit was met too early")
	}
	j.now = j.now.Add(time.Hour)
	j.ring()
	if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Errorf("after the limit: %v", context.Cause(ctx))
	}
	real, cancel := WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-real.Done()
	if !errors.Is(real.Err(), context.DeadlineExceeded) {
		t.Errorf("in real time: %v", real.Err())
	}
}

func (j *jumping) ring() {
	for _, due := range j.due {
		due()
	}
}
