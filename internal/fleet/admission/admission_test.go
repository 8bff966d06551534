package admission

import (
	"slices"
	"testing"
)

func TestContainers(t *testing.T) {
	const pod = `{"initContainers":[{"image":"a"}],"containers":[{"image":"b"},{"name":"no image"},{"image":"c"}],"ephemeralContainers":[{"image":"d"}]}`
	for object, want := range map[string][]container{
		`{"kind":"Pod","spec":` + pod + `}`: {
			{"a", "/spec/initContainers/0/image"}, {"b", "/spec/containers/0/image"}, {"c", "/spec/containers/2/image"}, {"d", "/spec/ephemeralContainers/0/image"}},
		`{"kind":"CronJob","spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"image":"b"}]}}}}}}`: {{"b", "/spec/jobTemplate/spec/template/spec/containers/0/image"}},
		`{"kind":"Deployment","spec":{"template":{"spec":{"containers":[{"image":"b"}]}}}}`:                       {{"b", "/spec/template/spec/containers/0/image"}},
		`{"kind":"PodTemplate","template":{"spec":{"containers":[{"image":"b"}]}}}`:                               {{"b", "/template/spec/containers/0/image"}},
		`{"kind":"Service","spec":{"containers":[{"image":"b"}]}}`:                                                nil,
		`{"kind":"Pod","spec":{"containers":"no list"}}`:                                                          nil,
		`{"kind":"Pod"}`: nil,
	} {
		got, err := containers([]byte(object))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", object, got, err, want)
		}
	}
	if _, err := containers([]byte(`[1]`)); err == nil {
		t.Error("a list is an object")
	}
}

func FuzzContainers(f *testing.F) {
	f.Add([]byte(`{"kind":"Pod","spec":{"containers":[{"image":"b"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) { containers(data) })
}
