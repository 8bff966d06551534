package attached

import (
	"strings"
	"testing"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/image"
)

// TestSBOMWithoutPackages: a list of nothing is no reason to leave the layers unread.
func TestSBOMWithoutPackages(t *testing.T) {
	const digest = "sha256:aa"
	document := func(name, components string) image.Attached {
		return image.Attached{Name: name, Subject: digest, Data: []byte(`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[` + components + `]}`)}
	}
	none, one := document("none", ""), document("one", `{"type":"library","name":"left-pad","version":"1.0.0","purl":"pkg:npm/left-pad@1.0.0"}`)
	if found, left := SBOMOf([]image.Attached{none}, digest, nil, catalog.Limits{}); found != nil || !strings.Contains(strings.Join(left, " "), "none: left out: it lists no package") {
		t.Errorf("alone: %v, %q", found, left)
	}
	if found, left := SBOMOf([]image.Attached{none, one}, digest, nil, catalog.Limits{}); found == nil || found.Name != "one" || found.Others != 0 || len(left) != 1 {
		t.Errorf("next to another: %v, %q", found, left)
	}
}
