package update

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/vulndb"
)

func TestNeeds(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	const week = 7 * 24 * time.Hour
	lacking := func(names ...string) report.Database { return report.Database{Missing: names} }
	reaching := func(ecosystem, day string) report.Database {
		return report.Database{Reach: []report.Extent{{Ecosystem: ecosystem, To: day}}}
	}
	for _, test := range []struct {
		name   string
		db     report.Database
		asked  map[string]time.Time
		maxAge time.Duration
		want   []string
	}{
		{"nothing is lacking", report.Database{}, nil, week, nil},
		{"a release", lacking("Alpine:3.20"), nil, week, []string{"alpine:3.20"}},
		{"twice the same", lacking("npm", "npm"), nil, week, []string{"npm"}},
		{"asked yesterday", lacking("npm"), map[string]time.Time{"npm": now.Add(-24 * time.Hour)}, week, nil},
		{"asked a fortnight ago", lacking("npm"), map[string]time.Time{"npm": now.Add(-2 * week)}, week, []string{"npm"}},
		{"asked once, and age does not count", lacking("npm"), map[string]time.Time{"npm": now.Add(-2 * week)}, 0, nil},
		{"asked tomorrow, by a clock that was wrong", lacking("npm"), map[string]time.Time{"npm": now.Add(24 * time.Hour)}, week, []string{"npm"}},
		{"new enough", reaching("npm", "2026-11-25"), nil, week, nil},
		{"old", reaching("npm", "2026-10-01"), nil, week, []string{"npm"}},
		{"old, and age does not count", reaching("npm", "2026-10-01"), nil, 0, nil},
		{"no date", reaching("npm", ""), nil, week, nil},
	} {
		if got := Needs(&test.db, publish.Asked{Subjects: test.asked}, test.maxAge, now); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestNothingOfUseInstallsNothing gives an update what it cannot use: the error says
// so, and no file is made.
func TestNothingOfUseInstallsNothing(t *testing.T) {
	target := Paths(t.TempDir())
	target.Built = time.Unix(0, 0)
	target.Current = func() *vulndb.DB { return nil }
	var said []string
	target.Say = func(format string, _ ...any) { said = append(said, format) }
	if err := target.FromFeeds(context.Background(), Feeds{Mirror: t.TempDir(), Progress: func(string, int64, int64) {}}); err == nil {
		t.Error("an empty mirror is no error")
	}
	err := target.FromPublished(context.Background(), []string{"http://127.0.0.1:1/a.zst", "http://127.0.0.1:1/b.zst"}, publish.Options{})
	if err == nil || !strings.Contains(err.Error(), "a.zst") || !strings.Contains(err.Error(), "b.zst") {
		t.Errorf("the error does not name both places: %v", err)
	}
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "trying the next") }) {
		t.Errorf("said %q", said)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if err := target.FromPublished(ended, []string{"http://127.0.0.1:1/a.zst"}, publish.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an update that was ended: %v", err)
	}
	if db, err := vulndb.Open(target.Installed); err == nil {
		db.Close()
		t.Error("something was installed")
	}
}
