package careen_test

import (
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestArchitecturePageNamesWhatThereIs holds that each function, type and room
// that docs/architecture.md names is in the code.
func TestArchitecturePageNamesWhatThereIs(t *testing.T) {
	known := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		room := s.room
		known[room] = true
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				known[room+"."+d.Name.Name] = true
				if d.Recv != nil {
					known[room+"."+receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok {
						known[room+"."+t.Name.Name] = true
					}
				}
			}
		}
	}
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`([a-z]+(?:/[a-z]+)*(?:\\.[A-Za-z]+)*)`").FindAllStringSubmatch(string(page), -1)
	if len(names) < 40 {
		t.Fatalf("only %d names found: has the page another form?", len(names))
	}
	for _, n := range names {
		if name := n[1]; !known[name] && !strings.HasPrefix(name, "fs.") {
			t.Errorf("docs/architecture.md names %s, which is not in the code", name)
		}
	}
}

// TestContributingNamesWhatThereIs holds that each file and folder that
// CONTRIBUTING.md sends people to is there.
func TestContributingNamesWhatThereIs(t *testing.T) {
	page, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	paths := regexp.MustCompile("`((?:internal|docs|ci|test)/[A-Za-z0-9_./-]*)`").FindAllStringSubmatch(string(page), -1)
	if len(paths) < 25 {
		t.Fatalf("only %d paths found: has the page another form?", len(paths))
	}
	for _, p := range paths {
		if _, err := os.Stat(p[1]); err != nil {
			t.Errorf("CONTRIBUTING.md names %s, which is not there", p[1])
		}
	}
}

// receiver returns the type name of a method's receiver.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
