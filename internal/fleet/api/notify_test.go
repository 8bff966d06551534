package api

import (
	"slices"
	"testing"

	"github.com/careen/careen/internal/fleet/store"
)

func TestPushed(t *testing.T) {
	const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, test := range []struct {
		what, registry, body string
		want                 []string
		fails                bool
	}{
		{"distribution", "", `{"events":[{"action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + digest + `","repository":"team/app","tag":"v1"},"request":{"host":"registry.example.com"}},
			{"action":"push","target":{"mediaType":"application/octet-stream","digest":"` + digest + `","repository":"team/app"},"request":{"host":"registry.example.com"}},
			{"action":"pull","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + digest + `","repository":"team/app","tag":"v1"},"request":{"host":"registry.example.com"}}]}`,
			[]string{"registry.example.com/team/app:v1@" + digest}, false},
		{"distribution, an index, by another name", "registry.example.com:5000", `{"events":[{"action":"push","target":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"` + digest + `","repository":"app"},"request":{"host":"10.0.0.1"}}]}`,
			[]string{"registry.example.com:5000/app@" + digest}, false},
		{"distribution, nothing", "", `{"events":[]}`, nil, false},
		{"Harbor", "", `{"type":"PUSH_ARTIFACT","occur_at":1,"operator":"x","event_data":{"resources":[{"digest":"` + digest + `","tag":"latest","resource_url":"harbor.example.com/library/app:latest"}],"repository":{"name":"app"}}}`,
			[]string{"harbor.example.com/library/app:latest@" + digest}, false},
		{"Harbor, deleted", "", `{"type":"DELETE_ARTIFACT","event_data":{"resources":[{"digest":"` + digest + `","tag":"latest","resource_url":"harbor.example.com/library/app:latest"}]}}`, nil, false},
		{"Quay", "", `{"name":"app","repository":"team/app","namespace":"team","docker_url":"quay.io/team/app","updated_tags":["latest","v2"]}`, []string{"quay.io/team/app:latest", "quay.io/team/app:v2"}, false},
		{"GitHub", "", `{"action":"published","registry_package":{"name":"App","namespace":"Team","package_type":"CONTAINER","package_version":{"version":"` + digest + `","container_metadata":{"tag":{"name":"v1","digest":"` + digest + `"}}}}}`,
			[]string{"ghcr.io/team/app:v1@" + digest}, false},
		{"GitHub, the older event, without a tag", "", `{"action":"published","package":{"name":"app","namespace":"team","package_type":"container","package_version":{"version":"` + digest + `"}}}`, []string{"ghcr.io/team/app@" + digest}, false},
		{"GitHub, of npm", "", `{"action":"published","package":{"name":"app","namespace":"team","package_type":"npm","package_version":{"version":"1.0.0"}}}`, nil, false},
		{"another thing", "", `{"hello":"world"}`, nil, true},
		{"no JSON", "", `hello`, nil, true},
		{"a list", "", `[]`, nil, true},
	} {
		got, err := Pushed([]byte(test.body), test.registry)
		if !slices.Equal(got, test.want) || (err != nil) != test.fails {
			t.Errorf("%s: %q, %v; want %q", test.what, got, err, test.want)
		}
	}
}

func FuzzPushed(f *testing.F) {
	f.Add([]byte(`{"events":[{"action":"push","target":{"mediaType":"manifest","digest":"x","repository":"y"}}]}`))
	f.Add([]byte(`{"docker_url":"quay.io/a","updated_tags":["b"]}`))
	f.Fuzz(func(t *testing.T, data []byte) { Pushed(data, "") })
}

func TestRange(t *testing.T) {
	all := []store.Version{
		{Key: 1, Type: "deb", Version: "3.0.11-1~deb12u2", Release: "Debian:12"}, {Key: 2, Type: "deb", Version: "3.0.12-1", Release: "Debian:12"},
		{Key: 3, Type: "npm", Version: "3.0.2"}, {Key: 4, Type: "npm", Version: "3.0.10"}, {Key: 5, Type: "unheard-of", Version: "3.0.1"}, {Key: 6, Type: "pypi", Version: "not a version"},
	}
	for text, want := range map[string][]int64{
		"<3.0.12": {1, 3, 4}, ">=3.0.11,<3.0.12": {1}, "=3.0.10": {4}, ">3.0.10": {1, 2}, ">=0, <=99": {1, 2, 3, 4}, ">99": {},
	} {
		r, err := ParseRange(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := r.keys(all); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "3.0", "<", ">=1,", "~>1", ",<1"} {
		if _, err := ParseRange(text); err == nil {
			t.Errorf("%q is a range", text)
		}
	}
}
