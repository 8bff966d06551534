package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/search"
)

// searchFlags are the flags of careen db search.
type searchFlags struct {
	file      string
	format    string
	pkg       string
	ecosystem string
	version   string
}

func (c dbVerb) searchCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Find advisories by id, package, or package URL",
		Long: `Search says what the database knows of QUERY: an id that anyone gave a
vulnerability (CVE, GHSA, DSA, RHSA, GO…), the name of a package, or a package
URL. With a version, as in the URL or by --version, it says which advisories
affect that version, by the rules of a scan.`,
		Example: `  careen db search CVE-2023-0286
  careen db search minimist --ecosystem npm --version 0.0.8
  careen db search pkg:deb/debian/openssl@3.0.11-1~deb12u1?distro=debian-12`,
		Args: wording.Takes(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return c.dbSearch(f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "db", "", "the database to search (default the one that a scan would use)")
	flags.StringVarP(&f.format, "format", "f", "table", "what to print: "+report.FormatNames("db"))
	flags.StringVar(&f.pkg, "package", "", "advisories on the package of this name")
	flags.StringVar(&f.ecosystem, "ecosystem", "", "only of this ecosystem, such as npm, Debian or Debian:12")
	flags.StringVar(&f.version, "version", "", "say which advisories affect this version of the package")
	return cmd
}

func (c dbVerb) dbSearch(f searchFlags, args []string) error {
	if _, err := report.FormatOf("db", f.format); err != nil {
		return err
	}
	query := f.pkg
	if len(args) == 1 {
		query = args[0]
	}
	switch {
	case query == "":
		return errors.New("nothing to search for; give an id, a package's name or a package URL")
	case f.pkg != "" && strings.HasPrefix(query, "pkg:"):
		return errors.New("a package URL and --package: one of them is enough")
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	db, err := c.openDatabase(cacheDir, databaseFlags{file: f.file, maxAge: "0"})
	if err != nil {
		return err
	}
	defer db.Close()
	result, err := search.Find(db, query, search.Options{Package: f.pkg, Ecosystem: f.ecosystem, Version: f.version})
	if err != nil {
		return err
	}
	if f.format == "json" {
		return c.printJSON(result)
	}
	if result.Empty() {
		c.note("nothing known of %s", escape(result.Query))
		return nil
	}
	return result.WriteText(c.stdout)
}
